"""What saving and resizing left in a photo is kept, to tell the original among copies.

Revision ID: 0029
Revises: 0028
"""

from pathlib import Path

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


_SQL = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    """Add what is measured when an image is embedded; images embedded before have none."""
    op.get_bind().exec_driver_sql(_SQL.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop that."""
    op.get_bind().exec_driver_sql(_SQL.with_stem(f"{_SQL.stem}_down").read_text(encoding="utf-8"))
