"""Reliability: what evaluations say of confidences, by tenths, and the doubt about mated pairs.

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
    """Add the tenths of an evaluation with its calibration error, and the doubt of histograms."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Drop them."""
    op.get_bind().exec_driver_sql(
        "drop table facedb.evaluation_tenth; alter table facedb.evaluation drop column calibration_error;"
        "alter table facedb.score_histogram drop column doubt"
    )
