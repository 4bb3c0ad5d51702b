-- name: state
-- How far the tables are, and which views there are, by the comment on their schema.
select (select version_num from facedb.alembic_version), obj_description(to_regnamespace('bi'), 'pg_namespace');

-- name: name_version
-- Say what alembic's own table is.
comment on table facedb.alembic_version is 'How far this schema is.';
comment on column facedb.alembic_version.version_num is 'The newest migration that was applied.';

-- name: facts
-- The versions of the server and of pgvector, and how large the database is.
select current_setting('server_version'), (select extversion from pg_extension where extname = 'vector'),
       pg_database_size(current_database());

-- name: holders
-- Who else holds something of facedb's, for which a migration would wait.
select distinct a.pid, a.usename, a.application_name
from pg_locks l
join pg_stat_activity a on a.pid = l.pid
join pg_class c on c.oid = l.relation
where l.database = (select oid from pg_database where datname = current_database()) and l.granted and a.pid <> pg_backend_pid()
  and c.relnamespace in (to_regnamespace('facedb'), to_regnamespace('bi'))
order by 1;

-- name: pgvector
-- The version of pgvector here, the schema in which it is, and whether that can be used.
select e.extversion, n.nspname, has_schema_privilege(n.oid, 'usage')
from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector';

-- name: view_readers
-- Who may read which view of bi, apart from their owner; null: everybody.
select c.relname, case a.grantee when 0 then null else pg_get_userbyid(a.grantee) end
from pg_class c cross join aclexplode(c.relacl) a
where c.relnamespace = to_regnamespace('bi') and a.privilege_type = 'SELECT' and a.grantee <> c.relowner;
