"""Defaults that the command line, Python and the steps share."""

from __future__ import annotations

from typing import Final

THRESHOLD: Final = 0.45
"""Cosine similarity from which two faces of different identities are flagged."""
MAX_PAIRS: Final = 20_000_000
"""A scan that is expected to flag more than this many pairs is refused before the work."""
BLOCK_ROWS: Final = 8192
"""Gallery rows in a block, the unit of work and resume."""
GPU_BLOCK_ROWS: Final = 65_536
"""The same for an engine on a GPU, which is done with 8192 rows before their tile is claimed and committed."""
CONNECTIONS: Final = 2
"""Connections that load the gallery."""
TOP: Final = 20
"""Faces that a search gives for each face of the photo."""
KEEP_SCANS: Final = 5
"""Finished scans of one gallery that stay when a newer one is finished, beside those that something rests on."""
