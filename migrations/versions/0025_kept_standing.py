"""Where the findings of a scan stand, kept from one process to the next.

Revision ID: 0025
Revises: 0024
"""

from pathlib import Path

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; they are filled when something is said."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop them; it is found out anew each time."""
    op.get_bind().exec_driver_sql("drop table facedb.standing_finding; drop table facedb.standing;")
