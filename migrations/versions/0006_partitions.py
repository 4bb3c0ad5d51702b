"""Partitions are made by functions with the owner's rights, so that an application's role needs no ownership.

Revision ID: 0006
Revises: 0005
"""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the functions that make and index partitions."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Drop the functions."""
    op.get_bind().exec_driver_sql(
        "drop function facedb.add_embeddings(integer, integer, boolean), facedb.add_pairs(integer), facedb.index_pairs(integer)"
    )
