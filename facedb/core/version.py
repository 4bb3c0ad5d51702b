"""The version of facedb."""

from __future__ import annotations

# Without Final: `typing` is half of what a command loads before it hears Ctrl-C.
VERSION = "0.1.0"
