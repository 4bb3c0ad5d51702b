"""The spine: datasets, identities, images, faces, models, embeddings, scans, flagged pairs, links.

Revision ID: 0001
Revises:
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both schemas and every table that a check needs."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Refuse: below the first revision there is nothing but an empty database, which `drop schema` makes plainer."""
    raise NotImplementedError("0001 is the first revision; to start over, drop the schemas facedb and bi")
