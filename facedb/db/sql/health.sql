-- name: server
-- What serves this database, and its clock.
select current_setting('server_version'), current_setting('server_version_num')::integer, current_setting('server_encoding'),
       (select extversion from pg_extension where extname = 'vector'),
       (select default_version from pg_available_extensions where name = 'vector'),
       pg_database_size(current_database()), extract(epoch from clock_timestamp())::double precision,
       pg_is_in_recovery();

-- name: tables
-- The largest tables with their partitions, rows that are dead, and when they were vacuumed last.
select coalesce(p.relname, c.relname), sum(pg_total_relation_size(c.oid))::bigint, sum(coalesce(s.n_live_tup, 0))::bigint,
       sum(coalesce(s.n_dead_tup, 0))::bigint, max(greatest(s.last_vacuum, s.last_autovacuum))
from pg_class c
left join pg_inherits h on h.inhrelid = c.oid left join pg_class p on p.oid = h.inhparent
left join pg_stat_all_tables s on s.relid = c.oid
where c.relnamespace = to_regnamespace('facedb') and c.relkind = 'r' group by 1 order by 2 desc limit 3;

-- name: bloated
-- Tables of which more is dead than alive, where that is much.
select c.relname, s.n_dead_tup, s.n_live_tup from pg_stat_all_tables s join pg_class c on c.oid = s.relid
where s.schemaname = 'facedb' and s.n_dead_tup > 100000 and s.n_dead_tup > s.n_live_tup order by s.n_dead_tup desc;

-- name: wraparound
-- How far the oldest row is from where PostgreSQL stops to take writes, in shares of the way.
select max(age(datfrozenxid)) / 2000000000.0 from pg_database where datname = current_database();

-- name: locks
-- Sessions of facedb that hold locks, whether they have done nothing for an hour.
select distinct a.pid, a.usename, a.application_name, extract(epoch from clock_timestamp() - a.state_change)::bigint
from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and a.pid <> pg_backend_pid() and a.state <> 'active'
  and l.database = (select oid from pg_database where datname = current_database())
  and clock_timestamp() - a.state_change > interval '1 hour';

-- name: models
-- Contracts whose files have a place.
select name, contract ->> 'weights_sha256', weights_path, contract -> 'detector' ->> 'weights_sha256', detector_path
from facedb.model where weights_path is not null order by id;
