"""Words: comments of columns that earlier revisions got wrong.

Revision ID: 0015
Revises: 0012
"""

from pathlib import Path

from alembic import op

revision = "0015"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Say it right."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Say it as before, from where it was said."""
    for name, columns in (
        ("0001_spine.sql", ("facedb.image.sha256", "facedb.model.name")),
        ("0002_findings.sql", ("facedb.finding.confidence",)),
    ):
        lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
        for column in columns:
            (line,) = (line for line in lines if line.startswith(f"comment on column {column} is"))
            op.get_bind().exec_driver_sql(line.replace("%", "%%"))
