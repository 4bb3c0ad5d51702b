"""What file managers, NAS systems and bins leave beside photos, by its usual names."""

from __future__ import annotations

import re

from facedb.core.rejects import Problem
from facedb.sources import problems

_FOLDERS = (
    "@eaDir",
    "@tmp",
    "@Recycle",
    "@Recently-Snapshot",
    "@sharebin",
    "#recycle",
    "#snapshot",
    "$RECYCLE.BIN",
    "RECYCLER",
    "System Volume Information",
    "lost+found",
    "__MACOSX",
    "__pycache__",
    "Network Trash Folder",
    "Temporary Items",
    "TheVolumeSettingsFolder",
)
_FILES = ("Thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "Picasa.ini", "Icon\r")
_ENDS = ("@SynoEAStream", "@SynoResource")


def _any(names: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, names))


_JUNK = re.compile(
    rf"(?:^|/)(?:{_any(_FOLDERS)})(?:/|\Z)|(?:^|/)(?:{_any(_FILES)})\Z|(?:{_any(_ENDS)})\Z", re.IGNORECASE
)


def left_aside(path: str) -> Problem | None:
    """Why the relative ``path`` (with ``/``) is not looked at: a known by-product, or a name that starts with a dot; or None."""
    if _JUNK.search(path):
        return problems.JUNK
    return problems.HIDDEN_FILE if path.startswith(".") or "/." in path else None
