"""Scans that many machines share: where the vectors travel, and links rolled up before rows are written.

Revision ID: 0020
Revises: 0018
"""

from pathlib import Path

from alembic import op

revision = "0020"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the place of chunks, and the parts of links."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Drop them; of scans that kept links alone the links stay."""
    op.get_bind().exec_driver_sql(
        """
        drop table facedb.link_part;
        alter table facedb.scan drop column chunks, drop column chunks_sha256;
        """
    )
