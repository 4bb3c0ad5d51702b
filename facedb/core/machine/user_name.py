"""Who runs facedb, as verdicts and plans remember it."""

from __future__ import annotations

import getpass
import os


def user_name() -> str:
    """The login name of this process's user; ``uid NUMBER`` for one that no line of /etc/passwd names, as in containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"
