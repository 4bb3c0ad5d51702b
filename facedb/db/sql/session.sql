-- name: settle
-- What facedb relies on, whatever the server, the role, the database or the environment of the client say.
-- Everything that facedb names is qualified, so the path holds only the schema in which the types of pgvector are.
select pg_catalog.pg_backend_pid(),
       set_config('DateStyle', 'ISO, YMD', false), set_config('IntervalStyle', 'postgres', false),
       set_config('TimeZone', 'UTC', false), set_config('bytea_output', 'hex', false),
       set_config('extra_float_digits', '1', false), set_config('standard_conforming_strings', 'on', false),
       set_config('array_nulls', 'on', false), set_config('transform_null_equals', 'off', false),
       set_config('default_transaction_isolation', 'read committed', false),
       set_config('default_transaction_deferrable', 'off', false),
       set_config('statement_timeout', '0', false), set_config('lock_timeout', '0', false),
       set_config('idle_in_transaction_session_timeout', '0', false), set_config('idle_session_timeout', '0', false),
       case when current_setting('server_version_num')::integer >= 170000
            then set_config('transaction_timeout', '0', false) end,
       -- What a killed facedb had asked for ends soon, and with it the locks it holds; Windows cannot look.
       case when version() !~* 'windows|visual|mingw|msvc'
            then set_config('client_connection_check_interval', '2s', false) end,
       set_config('search_path', coalesce((
           select quote_ident(n.nspname) from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
           where e.extname = 'vector'
       ), 'public'), false),
       set_config('facedb.session', %(token)s, false);

-- name: reach
-- The path again, once pgvector is there.
select set_config('search_path', quote_ident(n.nspname), false)
from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector';

-- name: whose
-- The mark that a session got when it was opened, and the process that serves it now.
select current_setting('facedb.session', true), pg_backend_pid();

-- name: began
-- When the process behind this session began, which with its number names it for good.
select backend_start from pg_stat_get_activity(pg_backend_pid());

-- name: end_old
-- End an earlier session of this very program that the server has not given up yet, and with it its locks; waits up to 2 s for its end.
select pg_terminate_backend(pid, 2000) from pg_stat_activity where pid = %(pid)s and backend_start = %(began)s;
