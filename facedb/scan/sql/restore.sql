-- name: tables
-- Tables that hold rows of their own, less the partitions and the one that says how far the schema is.
select relname from pg_class
where relnamespace = 'facedb'::regnamespace and relkind = 'r' and not relispartition and relname <> 'alembic_version' order by 1;

-- name: references
-- What takes each reference between tables away, and what brings it back: rows come in the order of the names of their tables.
select format('alter table %s drop constraint %I', conrelid::regclass, conname),
       format('alter table %s add constraint %I %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
from pg_constraint where connamespace = 'facedb'::regnamespace and contype = 'f' and conparentid = 0 order by oid;

-- name: triggers
-- What quiets the triggers of each table that has any, and what wakes them: rows that come back are no news.
select distinct format('alter table %s disable trigger user', tgrelid::regclass), format('alter table %s enable trigger user', tgrelid::regclass)
from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace = 'facedb'::regnamespace and not tgisinternal order by 1;

-- name: set_sequence
-- How far a sequence is.
select setval(('facedb.' || quote_ident(%(sequence)s))::regclass, %(value)s, %(called)s);

-- name: dim
-- How long the vectors of a contract are.
select dim from facedb.model where id = %(model_id)s;

-- name: run_again
-- Take a scan for a running one, whose partition may be made, and say what it was.
with before as (select id, status, finished_at from facedb.scan where id = %(scan_id)s)
update facedb.scan s set status = 'running', finished_at = null from before b where s.id = b.id returning b.status, b.finished_at;

-- name: as_it_was
-- Give a scan back what it was.
update facedb.scan set status = %(status)s, finished_at = %(finished_at)s where id = %(scan_id)s;
