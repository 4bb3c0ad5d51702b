-- name: claim
-- Take a lock for this session alone; false when another session has it.
select pg_try_advisory_lock(hashtextextended(%(name)s, 0));

-- name: claim_shared
-- Take a lock that others may share; false when another session has it alone.
select pg_try_advisory_lock_shared(hashtextextended(%(name)s, 0));

-- name: wait_briefly
-- Nothing in this transaction waits longer for what others hold.
select set_config('lock_timeout', %(limit)s, true);

-- name: holder
-- Who has a lock: any login of the database can take it.
select a.pid, a.usename, a.application_name
from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and l.objsubid = 1
  and l.database = (select oid from pg_database where datname = current_database())
  and (l.classid::bigint << 32 | l.objid::bigint) = hashtextextended(%(name)s, 0) and a.pid <> pg_backend_pid()
order by a.pid limit 1;

-- name: at_work
-- Other sessions in which facedb may be at work here: they hold its locks. A session that only reads can hold such a lock, and brings back nothing.
select distinct a.pid, a.usename, a.application_name
from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and a.pid <> pg_backend_pid() and has_schema_privilege(a.usesysid, 'facedb', 'usage')
  and l.database = (select oid from pg_database where datname = current_database()) order by 1;
