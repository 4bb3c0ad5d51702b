"""Tiles: the work of a scan as rows that many workers claim, instead of one mark per block.

Revision ID: 0011
Revises: 0003
"""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make tiles of the blocks there are."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: a block that is done in part has no mark of its own to go back to."""
    raise NotImplementedError("tiles of a scan cannot become marks of whole blocks again: restore a backup from before")
