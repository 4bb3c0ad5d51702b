"""The temporary schema is the last that a function of facedb looks into.

Revision ID: 0027
Revises: 0026
"""

from pathlib import Path

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


_SQL = Path(__file__).with_suffix(".sql")


def upgrade() -> None:
    """Fix where each function looks for tables and types."""
    op.get_bind().exec_driver_sql(_SQL.read_text(encoding="utf-8"))


def downgrade() -> None:
    """Let them look where they did."""
    op.get_bind().exec_driver_sql(_SQL.with_stem(f"{_SQL.stem}_down").read_text(encoding="utf-8"))
