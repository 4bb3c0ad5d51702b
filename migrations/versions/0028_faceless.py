"""Photos in which no face was found are looked at for copies, too.

Revision ID: 0028
Revises: 0027
"""

from pathlib import Path

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


_SQL = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    """Note what photos without a face the findings of a scan were made with."""
    op.get_bind().exec_driver_sql(_SQL.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop that, and what stands for such photos in findings."""
    op.get_bind().exec_driver_sql(_SQL.with_stem(f"{_SQL.stem}_down").read_text(encoding="utf-8"))
