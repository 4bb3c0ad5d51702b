"""Outside: photos that lie in no folder are asked about and answered, and verdicts teach the confidences.

Revision ID: 0017
Revises: 0016
"""

from pathlib import Path

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_WITHOUT_LABEL = """
select exists (select from facedb.verdict where kind <> 'link' and (identity_a is null or (kind = 'pair' and identity_b is null)))
    or exists (select from facedb.plan_step where identity_from is null)
"""
_BACK = """
drop table facedb.answered, facedb.lesson, facedb.scan_outsider;
delete from facedb.finding where class in ('unlabelled', 'newcomer');
delete from facedb.finding f where f.class = 'duplicate' and f.identity_a is not null and exists (
    select from facedb.finding_face w join facedb.face c on c.id = w.face_id join facedb.image i on i.id = c.image_id
    where w.scan_id = f.scan_id and w.rank = f.rank and i.identity_id is null
);
alter table facedb.finding drop constraint finding_class_check;
alter table facedb.finding add constraint finding_class_check
    check (class in ('merge', 'stray', 'mixed', 'duplicate', 'look-alike', 'photo'));
alter table facedb.finding drop constraint finding_without_identity_is_of_images_without_label;
alter table facedb.finding add constraint finding_without_label_is_a_duplicate
    check (identity_a is not null or (class = 'duplicate' and identity_b is null));
alter table facedb.verdict drop constraint verdict_names_its_subject;
alter table facedb.verdict drop column dataset_a, drop column dataset_b;
alter table facedb.verdict alter column identity_a set not null;
alter table facedb.verdict add constraint verdict_names_its_subject check (
    case kind
        when 'link' then identity_b is not null and identity_a < identity_b and known_images is not null
                         and image_a is null and image_b is null
        when 'pair' then identity_b is not null and image_a is not null and image_b is not null and image_a < image_b
                         and sha256_a is not null and sha256_b is not null
        else identity_b is null and image_a is not null and image_b is null and sha256_a is not null
    end
);
alter table facedb.plan_step alter column identity_from set not null;
"""
_COMMENTS = (
    ("0014_copies.sql", ("facedb.finding.class", "facedb.finding_face.role")),
    ("0012_unlabelled.sql", ("facedb.finding.identity_a",)),
    ("0002_findings.sql", ("facedb.finding.identity_b", "facedb.finding.own_score")),
    ("0008_review.sql", ("facedb.verdict.verdict",)),
    (
        "0003_decisions.sql",
        ("facedb.verdict.identity_a", "facedb.verdict.identity_b", "facedb.plan_step.identity_from"),
    ),
)


def upgrade() -> None:
    """Let images without a label be answered and moved, and add what verdicts teach."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8").replace("%", "%%"))


def downgrade() -> None:
    """Drop what nobody knew before; verdicts and steps on images without a label keep it from going back."""
    bind = op.get_bind()
    if bind.exec_driver_sql(_WITHOUT_LABEL).scalar():
        raise NotImplementedError("Verdicts and plans on images without a label fit no older schema.")
    bind.exec_driver_sql(_BACK.replace("%", "%%"))
    for name, columns in _COMMENTS:
        lines = Path(__file__).with_name(name).read_text(encoding="utf-8").splitlines()
        for column in columns:
            (line,) = (line for line in lines if line.startswith(f"comment on column {column} is"))
            bind.exec_driver_sql(line.replace("%", "%%"))
