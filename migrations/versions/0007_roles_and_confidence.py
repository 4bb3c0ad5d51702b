"""Roles and confidence: which face of a photo took part in a scan, and what of its scores is explained by its findings.

Revision ID: 0007
Revises: 0006
"""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the roles of faces, the mated part of the histograms, and where *certain* begins."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop them; findings and pairs stay."""
    op.get_bind().exec_driver_sql(
        "drop table facedb.scan_face;"
        "alter table facedb.score_histogram drop column mated;"
        "alter table facedb.scan drop column certain_above"
    )
