-- (Composed, as all of these but the first two: {role} is the role, {database} this database.) Default rights are for what is made later.

-- name: role
-- The key of a role.
select oid::bigint from pg_roles where rolname = %(role)s;

-- name: database
-- The name of this database.
select current_database();

-- name: read
-- See what facedb publishes.
grant usage on schema bi to {role};
grant select on all tables in schema bi to {role};
alter default privileges in schema bi grant select on tables to {role};

-- name: nothing_else
-- A reader must have nowhere to write: neither tables of its own nor large objects, which outlive what they were copied from.
revoke temporary on database {database} from public;
revoke execute on function lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) from public;

-- name: work
-- Do what the command line does. What is written in the audit stays, with the role and the time that the server puts there; how far the
-- schema is belongs to its owner.
grant temporary on database {database} to {role};
grant usage on schema facedb to {role};
grant select, insert, update, delete, truncate on all tables in schema facedb to {role};
grant usage, select on all sequences in schema facedb to {role};
grant execute on all functions in schema facedb to {role};
alter default privileges in schema facedb grant select, insert, update, delete, truncate on tables to {role};
alter default privileges in schema facedb grant usage, select on sequences to {role};
revoke insert, update, delete, truncate on facedb.audit from {role};
grant insert (act, subject_kind, subject_id, done_by, counts) on facedb.audit to {role};
revoke insert, update, delete, truncate on facedb.alembic_version from {role};

-- name: maintain
-- Rewrite tables, without which only their owner can wipe what was forgotten from their files; since PostgreSQL 17.
grant maintain on all tables in schema facedb to {role};
alter default privileges in schema facedb grant maintain on tables to {role};
