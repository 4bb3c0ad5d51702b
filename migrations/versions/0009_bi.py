"""What the BI views count from: outcomes counted once after each change, and which datasets a scan covered.

Revision ID: 0009
Revises: 0008
"""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the counters, their triggers, and the indexes of the views."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Drop the counters; the truth they count from stays."""
    op.get_bind().exec_driver_sql(
        """
        drop trigger uncounted on facedb.image;
        drop trigger uncounted on facedb.embed_reject;
        drop trigger uncounted on facedb.embedding;
        drop function facedb.note_uncounted() cascade;
        drop function facedb.contracts_now(), facedb.shared_photos_now(), facedb.outcomes_now();
        drop table facedb.outcome_count, facedb.dataset_contract, facedb.shared_photo, facedb.uncounted, facedb.scan_dataset;
        drop index facedb.image_not_ready;
        drop index facedb.finding_by_class;
        """
    )
    earlier = Path(__file__).with_name("0006_partitions.sql").read_text(encoding="utf-8")
    begin = earlier.index("create function facedb.add_embeddings")
    end = earlier.index("comment on function facedb.add_embeddings")
    op.get_bind().exec_driver_sql(
        earlier[begin:end].replace("create function", "create or replace function").replace("%", "%%")
    )
