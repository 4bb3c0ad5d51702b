"""Settings of a server whose data no test keeps."""

from __future__ import annotations

FAST = {"fsync": "off", "shared_buffers": "16MB"}
