"""Reliability: what evaluations say of confidences, by tenths.

Revision ID: 0016
Revises: 0014
"""

from pathlib import Path

from alembic import op

revision = "0016"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tenths of an evaluation and its calibration error."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Drop them."""
    op.get_bind().exec_driver_sql(
        "drop table facedb.evaluation_tenth; alter table facedb.evaluation drop column calibration_error"
    )
