"""Model defaults: a dataset remembers the model that it was embedded with.

Revision ID: 0005
Revises: 0004
"""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the remembered model to datasets."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Forget which models datasets were embedded with."""
    op.get_bind().exec_driver_sql("alter table facedb.dataset drop column model_choice")
