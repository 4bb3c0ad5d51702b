"""Review: who sat down to decide, which case they have open, what each decision said, and whom nobody is asked about any more.

Revision ID: 0008
Revises: 0007
"""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_NEWER = "select exists (select from facedb.verdict where verdict = 'withdrawn' or (kind = 'link' and target_identity is not null))"
_BACK = """
drop table facedb.hidden_identity, facedb.decision_verdict, facedb.decision, facedb.case_claim, facedb.sitting;
drop index facedb.verdict_by_sha256_a;
alter table facedb.verdict drop constraint verdict_fits_its_kind, drop constraint verdict_target_fits;
alter table facedb.verdict add constraint verdict_fits_its_kind check (
    case kind
        when 'link' then verdict in ('same', 'different', 'unsure')
        when 'pair' then verdict in ('same', 'different', 'unsure', 'duplicate')
        else verdict in ('same', 'unsure', 'wrong-identity', 'duplicate')
    end
);
alter table facedb.verdict add constraint verdict_only_wrong_faces_have_a_target check (
    target_identity is null or (verdict = 'wrong-identity' and target_identity <> identity_a)
);
comment on column facedb.verdict.verdict is
    'same, different, unsure, duplicate or wrong-identity; of a face, same says that its label is right.';
comment on column facedb.verdict.target_identity is 'Where a wrongly labelled image belongs; null when nobody said.';
"""


def upgrade() -> None:
    """Create the tables of the review page, and let a verdict be withdrawn or say which name stays."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop what only the review page writes; verdicts that the older schema cannot hold keep it from going back."""
    bind = op.get_bind()
    if bind.exec_driver_sql(_NEWER).scalar():
        raise NotImplementedError("Verdicts that were withdrawn, or that name the winner, fit no older schema.")
    bind.exec_driver_sql(_BACK)
