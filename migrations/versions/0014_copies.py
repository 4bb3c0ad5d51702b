"""Copies: small pictures and hashes of their turns and crops, by which altered copies are told; findings about photos.

Revision ID: 0014
Revises: 0015
"""

from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add thumbnails and the class photo; the sharpness of faces is to be measured anew."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Drop them; findings about photos go, and so does the sharpness that earlier code would read in another unit."""
    op.get_bind().exec_driver_sql(
        """
        drop table facedb.thumbnail;
        delete from facedb.finding where class = 'photo';
        alter table facedb.finding drop constraint finding_class_check;
        alter table facedb.finding add constraint finding_class_check
            check (class in ('merge', 'stray', 'mixed', 'duplicate', 'look-alike'));
        update facedb.face set sharpness = null where sharpness is not null;
        """
    )
    for name, columns in (("0001_spine.sql", ("facedb.face.sharpness",)), ("0002_findings.sql", _FINDING)):
        lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
        for column in columns:
            (line,) = (line for line in lines if line.startswith(f"comment on column {column} is"))
            op.get_bind().exec_driver_sql(line.replace("%", "%%"))


_FINDING = ("facedb.finding.class", "facedb.finding_face.role")
