"""Decisions: what people said (verdicts), what follows from it (plans), and the journal of carrying it out.

Revision ID: 0003
Revises: 0002
"""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of verdicts and plans, and the trigger that keeps verdicts append-only."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop verdicts and plans, with everything that people said."""
    op.get_bind().exec_driver_sql(
        "drop table facedb.plan_folder, facedb.plan_step, facedb.plan, facedb.verdict;"
        "drop function facedb.keep_verdicts()"
    )
