"""Findings: ranked statements about a scan with their evidence and faces, and how well planted mistakes were found.

Revision ID: 0002
Revises: 0001
"""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables of findings and evaluations."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop findings, which a scan computes again, and evaluations, which do not come back."""
    op.get_bind().exec_driver_sql(
        "drop table facedb.evaluation_miss, facedb.evaluation_point, facedb.evaluation_class, facedb.evaluation, "
        "facedb.finding_face, facedb.finding"
    )
