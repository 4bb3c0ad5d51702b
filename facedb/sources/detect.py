"""Which format is this? Decided by looking, never by guessing between two."""

from __future__ import annotations

from pathlib import Path

from facedb.core.errors import InputError


def detect_format(path: Path | str) -> str:
    """Return the name of the format of what lies at ``path``; raises InputError where it is missing or not clear."""
    path = Path(path)
    if not path.exists():
        raise InputError(f"There is nothing at {path}: check the path.")
    if path.is_dir():
        return "folder"
    raise InputError(f"{path.name} is no kind of source known here.")
