-- name: note
-- An act, in the transaction that it is part of.
insert into facedb.audit (act, subject_kind, subject_id, done_by, counts)
values (%(act)s, %(kind)s, %(key)s, %(by)s, %(counts)s);
