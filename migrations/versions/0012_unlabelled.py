"""Scans of faces without labels: a duplicate need not have an identity.

Revision ID: 0012
Revises: 0011
"""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let findings be without an identity."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """The schema before knows no such scans, so they go."""
    op.get_bind().exec_driver_sql(
        """
        do $$
        declare
            gone integer;
        begin
            for gone in select id from facedb.scan where scope @> '{"unlabelled": true}' loop
                execute format('drop table if exists facedb.flagged_pair_%s', gone);
            end loop;
        end
        $$;
        delete from facedb.scan where scope @> '{"unlabelled": true}';
        alter table facedb.finding drop constraint finding_without_label_is_a_duplicate;
        alter table facedb.finding alter column identity_a set not null;
        alter table facedb.scan_dataset drop constraint scan_dataset_identities_check;
        alter table facedb.scan_dataset add constraint scan_dataset_identities_check check (identities > 0);
        comment on column facedb.finding.identity_a is 'The identity that is said to be wrong, or the first of two.';
        comment on column facedb.finding.size_a is 'Faces of a in the gallery.';
        comment on column facedb.scan_dataset.identities is 'Its identities in the gallery.';
        """.replace("%", "%%")
    )
