-- Who did what when ----------------------------------------------------------------------------------------------------

create table facedb.audit (
    id bigint generated always as identity primary key,
    done_at timestamptz not null default clock_timestamp(),
    act text not null check (act <> ''),
    subject_kind text check (subject_kind in ('dataset', 'identity', 'image', 'model', 'scan', 'plan', 'role')),
    subject_id bigint,
    done_by text not null check (done_by <> ''),
    role text not null default session_user,
    counts jsonb not null default '{}' check (jsonb_typeof(counts) = 'object'),
    constraint audit_subject_is_whole check (subject_id is null or subject_kind is not null)
);
create index audit_by_act on facedb.audit (act, id desc);
comment on table facedb.audit is 'Who did what when; append-only. Things are named by their keys, so that nothing of a person is left here when that person is forgotten.';
comment on column facedb.audit.id is 'Key, in the order of the acts.';
comment on column facedb.audit.done_at is 'When, by the clock of the database.';
comment on column facedb.audit.act is 'ingest, embed, scan, verdict, plan, apply, undo, forget, wipe, grant, export, backup, restore, prune or remove.';
comment on column facedb.audit.subject_kind is 'What kind of thing it was done to; null where it was the whole database.';
comment on column facedb.audit.subject_id is 'Its key; of a thing that was forgotten or removed, the key it had.';
comment on column facedb.audit.done_by is 'The user of the session in which facedb ran, or who was named with --by.';
comment on column facedb.audit.role is 'The role of the database.';
comment on column facedb.audit.counts is 'How much of what it was: numbers and fixed words only, no name, no path, no vector.';

create function facedb.keep_audit() returns trigger language plpgsql as $$
begin
    raise exception 'The audit is append-only.' using errcode = 'restrict_violation';
end
$$;
comment on function facedb.keep_audit() is 'Refuses every change of the audit but new rows.';
create trigger append_only before update or delete on facedb.audit for each row execute function facedb.keep_audit();
create trigger append_only_as_a_whole before truncate on facedb.audit for each statement execute function facedb.keep_audit();

-- What ends ------------------------------------------------------------------------------------------------------------

alter table facedb.plan add column scan_id integer references facedb.scan on delete set null;
create index plan_by_scan on facedb.plan (scan_id) where scan_id is not null;
comment on column facedb.plan.scan_id is 'The scan whose findings it takes up; null where only verdicts are.';

-- Partitions are dropped with the rights of their owner, as they are made.
create function facedb.drop_scan(scan integer) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    execute format('drop table if exists facedb.%I', format('flagged_pair_%s', scan));
    delete from facedb.scan s where s.id = scan;
end
$$;
comment on function facedb.drop_scan(integer) is 'Removes a scan with its pairs, links, findings and evaluations.';

create function facedb.drop_model(model integer) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    execute format('drop table if exists facedb.%I', format('embedding_%s', model));
    delete from facedb.model m where m.id = model;
    -- Faces belong to a way of finding them, which several contracts may share.
    delete from facedb.face f where not exists (select from facedb.model m where m.detection = f.detection);
    -- The contracts of datasets are counted from embeddings, and a dropped partition fires no trigger.
    insert into facedb.uncounted (transaction, what)
    values (pg_current_xact_id(), 'contracts'), (pg_current_xact_id(), 'outcomes') on conflict do nothing;
end
$$;
comment on function facedb.drop_model(integer) is 'Removes a contract with its embeddings; its scans must be gone before.';

revoke execute on function facedb.drop_scan(integer), facedb.drop_model(integer) from public;
-- Whoever may make partitions may end them.
do $$
declare grantee text;
begin
    for grantee in
        select r.rolname from pg_proc p cross join aclexplode(p.proacl) a join pg_roles r on r.oid = a.grantee
        where p.oid = 'facedb.add_pairs(integer)'::regprocedure and a.privilege_type = 'EXECUTE' and a.grantee <> p.proowner
    loop
        execute format('grant execute on function facedb.drop_scan(integer), facedb.drop_model(integer) to %I', grantee);
    end loop;
end
$$;

-- Whoever is forgotten is also taken out of what other verdicts remember as seen.
create or replace function facedb.keep_verdicts() returns trigger language plpgsql as $$
begin
    -- Within a cascade of another table the trigger is nested; `facedb forget` says on purpose that it deletes.
    if tg_op <> 'TRUNCATE' and (pg_trigger_depth() > 1 or current_setting('facedb.forget', true) = 'on') then
        if tg_op = 'DELETE' then
            return old;
        end if;
        return new;
    end if;
    raise exception 'Verdicts are never changed: say a new one, the newest stands.' using errcode = 'restrict_violation';
end
$$;
