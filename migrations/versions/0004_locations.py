"""Locations: a step that drops a duplicate knows which image it keeps, so that applying it can look whether that is there.

Revision ID: 0004
Revises: 0003
"""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the image that is kept to the steps of plans."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Forget which images steps keep."""
    op.get_bind().exec_driver_sql("alter table facedb.plan_step drop column kept_image")
