-- Tables belong to the owner of the schema, and only an owner may attach partitions. These functions do it with the owner's
-- rights, so that a role of an application needs none of them. Nothing is taken from the path of whoever calls.

create function facedb.add_embeddings(model integer, dims integer, plain boolean) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    part text := format('embedding_%s', model);
    types text := (select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'vector');
begin
    if to_regclass(format('facedb.%I', part)) is not null then
        return;
    end if;
    if not exists (select from facedb.model m where m.id = model and m.dim = dims) then
        raise exception 'there is no model % of % values', model, dims using errcode = 'no_data_found';
    end if;
    execute format('create table facedb.%I (like facedb.embedding including defaults including constraints including storage)', part);
    execute format('alter table facedb.%I add check (model_id = %s), add check (%I.vector_dims(vec) = %s)', part, model, types, dims);
    execute format('alter table facedb.%I alter column vec set storage %s', part, case when plain then 'plain' else 'external' end);
    -- Attaching takes a lock that readers of other partitions do not feel; `create table ... partition of` would block them.
    execute format('alter table facedb.embedding attach partition facedb.%I for values in (%s)', part, model);
    execute format('comment on table facedb.%I is %L', part, format('Embeddings of model %s.', model));
end
$$;
comment on function facedb.add_embeddings(integer, integer, boolean) is 'Makes the partition of embedding for a model, unless it is there.';

create function facedb.add_pairs(scan integer) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    part text := format('flagged_pair_%s', scan);
begin
    if not exists (select from facedb.scan s where s.id = scan and s.status = 'running') then
        raise exception 'there is no running scan %', scan using errcode = 'no_data_found';
    end if;
    execute format('create table facedb.%I (like facedb.flagged_pair including constraints)', part);
    execute format('alter table facedb.%I add check (scan_id = %s)', part, scan);
    execute format('alter table facedb.flagged_pair attach partition facedb.%I for values in (%s)', part, scan);
    execute format('comment on table facedb.%I is %L', part, format('Flagged pairs of scan %s.', scan));
end
$$;
comment on function facedb.add_pairs(integer) is 'Makes the partition of flagged_pair for a scan that has begun.';

create function facedb.index_pairs(scan integer) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    part text := format('flagged_pair_%s', scan);
begin
    if not exists (select from facedb.scan s where s.id = scan and s.status = 'running') then
        raise exception 'there is no running scan %', scan using errcode = 'no_data_found';
    end if;
    execute format('alter table facedb.%I add primary key (face_a, face_b)', part);
    execute format('create index on facedb.%I (score desc)', part);
    execute format('analyze facedb.%I', part);
end
$$;
comment on function facedb.index_pairs(integer) is 'Indexes the pairs of a scan whose last block is done.';

revoke execute on function facedb.add_embeddings(integer, integer, boolean), facedb.add_pairs(integer), facedb.index_pairs(integer) from public;
