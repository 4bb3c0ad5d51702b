"""Taken faces: which face of a photo stands for its label, where a person said so; and a secret for pseudonyms.

Revision ID: 0018
Revises: 0017
"""

from pathlib import Path

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keep them."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop them; scans choose by themselves again."""
    op.get_bind().exec_driver_sql(
        """
        drop table facedb.secret;
        drop table facedb.decision_taken_face;
        drop table facedb.taken_face;
        drop function facedb.keep_taken_faces();
        comment on column facedb.decision.answer is 'same, different, unsure, wrong-identity or duplicate.';
        """
    )
