"""Verdicts by label and by the second photo, so that a few findings are asked about without reading all that was ever said.

Revision ID: 0024
Revises: 0020
"""

from pathlib import Path

from alembic import op

revision = "0024"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes and the function."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop them."""
    op.get_bind().exec_driver_sql(
        """
        drop index facedb.verdict_by_label, facedb.verdict_by_sha256_b;
        drop function facedb.taught(real, double precision, double precision);
        """
    )
