"""Nothing kept that should be gone: an append-only audit, and functions that end scans and models.

Revision ID: 0013
Revises: 0012
"""

from pathlib import Path

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the audit and the functions."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Drop them with all that the audit holds."""
    op.get_bind().exec_driver_sql(
        """
        drop function facedb.drop_scan(integer), facedb.drop_model(integer);
        alter table facedb.plan drop column scan_id;
        drop table facedb.audit;
        drop function facedb.keep_audit();
        """
    )
    earlier = Path(__file__).with_name("0003_decisions.sql").read_text(encoding="utf-8")
    begin = earlier.index("create function facedb.keep_verdicts")
    end = earlier.index("$$;", begin) + len("$$;")
    op.get_bind().exec_driver_sql(
        earlier[begin:end].replace("create function", "create or replace function").replace("%", "%%")
    )
