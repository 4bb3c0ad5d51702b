"""Paths as a list or table names them, brought to one spelling."""

from __future__ import annotations

import os
from pathlib import Path


def below(root: Path, given: str) -> str | None:
    """Return ``given`` (absolute, or relative to ``root``) relative to ``root``, with ``/``; None where it leads out.

    ``.``, ``..`` and double slashes are resolved in the text, without asking the disk.
    """
    path = os.path.normpath(given)
    if os.path.isabs(path):
        base = os.path.normpath(root)
        base = base if base.endswith(os.sep) else base + os.sep
        if not path.startswith(base):
            return None
        path = path[len(base) :]
    if path == ".." or path.startswith(".." + os.sep):
        return None
    return path if os.sep == "/" else path.replace(os.sep, "/")
