"""The make of findings: which facedb made them, so that nobody unknowingly acts on the confidences of an older one."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from facedb.core.version import VERSION
from facedb.scan.scan_rows import ScanRow

_MAKERS = ("findings", "scan/findings")


@cache
def make() -> str:
    """The version of this facedb and a digest of the code that makes findings, which changes more often than the version."""
    digest = hashlib.sha256()
    for folder in _MAKERS:
        # Read and not imported: a listing that asks loads nothing that makes findings.
        for name, source in sorted(_sources(resources.files("facedb") / folder, folder)):
            digest.update(f"{name}\n".encode() + source)
    return f"{VERSION} {digest.hexdigest()[:12]}"


def of_another_make(scan: ScanRow) -> str | None:
    """What to say of the findings of a finished scan that another facedb made; None where this one did."""
    if scan.made_by == make():
        return None
    how = "scan with --full" if scan.links_only else "check or scan again as before, which does not repeat the search"
    return f"The findings of scan {scan.id} were made by another version of facedb: to renew them, {how}."


def _sources(folder: Traversable, name: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _sources(entry, f"{name}/{entry.name}")
        elif entry.name.endswith(".py"):
            found.append((f"{name}/{entry.name}", entry.read_bytes()))
    return found
