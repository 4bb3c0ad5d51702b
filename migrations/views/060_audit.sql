-- Who did what when. The names are those of today: what is gone has a key and no name.
create view bi.audit as
select a.done_at, a.act, a.done_by, a.role,
       a.subject_kind, a.subject_id, coalesce(d.name, m.name) as subject, a.counts, a.id as audit_id
from facedb.audit a
left join facedb.dataset d on a.subject_kind = 'dataset' and d.id = a.subject_id
left join facedb.model m on a.subject_kind = 'model' and m.id = a.subject_id;
comment on view bi.audit is 'Who did what when, oldest first by audit_id; nothing in it is ever changed.';
comment on column bi.audit.done_at is 'When, by the clock of the database.';
comment on column bi.audit.act is 'ingest, embed, scan, verdict, plan, apply, undo, forget, wipe, grant, export, backup, restore, prune or remove.';
comment on column bi.audit.done_by is 'Who: the user of the session, or who was named with --by.';
comment on column bi.audit.role is 'The role of the database.';
comment on column bi.audit.subject_kind is 'dataset, identity, image, model, scan, plan or role; null: the whole database.';
comment on column bi.audit.subject_id is 'Its key.';
comment on column bi.audit.subject is 'Its name today, of datasets and models that are still there.';
comment on column bi.audit.counts is 'How much of what.';
comment on column bi.audit.audit_id is 'Key, in the order of the acts.';
