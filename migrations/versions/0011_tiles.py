"""Tiles: the work of a scan as rows that many workers claim, instead of one mark per block.

Revision ID: 0011
Revises: 0009
"""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make tiles of the blocks there are."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Back to marks of blocks, in the table as the first schema made it; a scan under way is given up, as no mark says what it has done."""
    first = Path(__file__).with_name("0001_spine.sql").read_text(encoding="utf-8")
    begin = first.index("create table facedb.scan_block (")
    table = first[begin : first.index("create table facedb.flagged_pair (")]
    op.get_bind().exec_driver_sql(
        """
        update facedb.scan set status = 'abandoned' where status = 'running';
        create temporary table kept on commit drop as
        select b.scan_id, b.block, b.embedding_ids, b.identity_ids, b.carried,
               t.pairs, t.candidates, t.comparisons, t.seconds, t.finished_at
        from facedb.scan_block b
        left join (
            select scan_id, block, sum(pairs)::bigint as pairs, sum(candidates)::bigint as candidates,
                   sum(comparisons)::bigint as comparisons, sum(seconds) as seconds, max(finished_at) as finished_at
            from facedb.scan_tile group by scan_id, block having bool_and(status = 'done')
        ) t on t.scan_id = b.scan_id and t.block = b.block;
        drop table facedb.scan_tile;
        drop table facedb.scan_block;
        """
    )
    op.get_bind().exec_driver_sql(table.replace("%", "%%"))
    op.get_bind().exec_driver_sql(
        """
        insert into facedb.scan_block
        (scan_id, block, status, embedding_ids, identity_ids, pairs, candidates, comparisons, seconds, finished_at)
        select scan_id, block, case when carried then 'carried' when pairs is null then 'pending' else 'done' end,
               embedding_ids, identity_ids, pairs, candidates, comparisons, seconds, finished_at
        from kept
        """
    )
