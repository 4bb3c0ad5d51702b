-- name: unwiped
-- What was forgotten since the last wipe: its partitions, and the number of the newest transaction.
select a.counts ->> 'partitions', a.counts ->> 'transaction' from facedb.audit a
where a.act = 'forget' and a.id > (select coalesce(max(w.id), 0) from facedb.audit w where w.act = 'wipe') order by a.id;

-- name: looking_back
-- Sessions that may still see rows that a transaction deleted.
select pid, usename, application_name from pg_stat_activity
where pid <> pg_backend_pid() and datname = current_database() and backend_xmin is not null
  and age(backend_xmin) >= age(%(number)s::text::xid8::xid);

-- name: tables
-- Tables of facedb that hold something of a person, less the partitions.
select c.relname from pg_class c
where c.relnamespace = 'facedb'::regnamespace and c.relkind = 'r' and not c.relispartition
  and c.relname not in ('audit', 'alembic_version', 'scan_block', 'scan_tile', 'score_histogram') order by 1;

-- name: there
-- Which of these partitions are still there.
select c.relname from pg_class c where c.relnamespace = 'facedb'::regnamespace and c.relname = any(%(names)s) order by 1;

-- name: file_of
-- The number of the file that holds a table: a rewritten one has another.
select pg_relation_filenode(c.oid) from pg_class c where c.relnamespace = 'facedb'::regnamespace and c.relname = %(name)s;

-- name: segments_ahead
-- Segments of the log that are kept for use later and hold what an earlier use wrote.
select count(*) from pg_ls_waldir() where length(name) = 24 and name > pg_walfile_name(pg_current_wal_lsn());

-- name: write_a_little
-- A record, for a segment that holds none is not closed.
select pg_logical_emit_message(false, 'facedb', 'wipe');

-- name: close_segment
-- The next record goes to another file.
select pg_switch_wal();

-- name: archive
-- What else keeps a log: an archive, slots.
select current_setting('archive_mode'), (select count(*) from pg_replication_slots);
