-- Which datasets a scan covered ---------------------------------------------------------------------------------------

create table facedb.scan_dataset (
    scan_id integer not null references facedb.scan on delete cascade,
    dataset_id integer not null references facedb.dataset on delete cascade,
    faces bigint not null check (faces > 0),
    identities integer not null check (identities > 0),
    primary key (scan_id, dataset_id)
);
create index scan_dataset_by_dataset on facedb.scan_dataset (dataset_id);
comment on table facedb.scan_dataset is 'The datasets that have faces in the gallery of a scan, written when it begins.';
comment on column facedb.scan_dataset.scan_id is 'The scan.';
comment on column facedb.scan_dataset.dataset_id is 'The dataset.';
comment on column facedb.scan_dataset.faces is 'Its faces in the gallery.';
comment on column facedb.scan_dataset.identities is 'Its identities in the gallery.';
insert into facedb.scan_dataset (scan_id, dataset_id, faces, identities)
select b.scan_id, n.dataset_id, count(*), count(distinct n.id)
from facedb.scan_block b cross join unnest(b.identity_ids) as member(identity_id)
join facedb.identity n on n.id = member.identity_id
group by b.scan_id, n.dataset_id;

-- What became of the files, counted once after each change ---------------------------------------------------------------

-- A change leaves its transaction here; counting takes away those that it saw. While one is left the views count anew, so
-- that they are never wrong, only slower.
create table facedb.uncounted (
    transaction xid8 not null,
    what text not null check (what in ('contracts', 'outcomes')),
    primary key (transaction, what)
);
comment on table facedb.uncounted is 'Transactions that changed images, embeddings or rejects since the outcomes were counted.';
comment on column facedb.uncounted.transaction is 'The transaction.';
comment on column facedb.uncounted.what is 'What has to be counted: the contracts of the datasets, or the outcomes, which need those.';

create table facedb.dataset_contract (
    dataset_id integer not null,
    model_id integer not null,
    faces bigint not null,
    last_embedding bigint not null,
    is_current boolean not null
);
comment on table facedb.dataset_contract is 'Counted: the contracts that have looked at a dataset. Empty it with outcome_count; both are counted together.';
comment on column facedb.dataset_contract.dataset_id is 'The dataset.';
comment on column facedb.dataset_contract.model_id is 'The contract.';
comment on column facedb.dataset_contract.faces is 'Faces of present images embedded under it.';
comment on column facedb.dataset_contract.last_embedding is 'The newest embedding; 0 where it could make nothing of the dataset.';
comment on column facedb.dataset_contract.is_current is 'Whether it embedded a face of the dataset last.';

create table facedb.outcome_count (
    dataset_id integer not null,
    identity_id integer,
    model_id integer,
    outcome text not null,
    code text,
    is_present boolean not null,
    files bigint not null,
    faces bigint not null,
    bytes bigint not null
);
comment on table facedb.outcome_count is 'Counted: what became of the files, by dataset, label, contract and reject code.';
comment on column facedb.outcome_count.dataset_id is 'The dataset.';
comment on column facedb.outcome_count.identity_id is 'The label; null for files without one.';
comment on column facedb.outcome_count.model_id is 'The contract; null while none has looked at the dataset.';
comment on column facedb.outcome_count.outcome is 'embedded, rejected, ignored, vanished or pending.';
comment on column facedb.outcome_count.code is 'Reject or ignore code.';
comment on column facedb.outcome_count.is_present is 'Whether the files are there to be embedded, so that a reject is the contract''s.';
comment on column facedb.outcome_count.files is 'Files.';
comment on column facedb.outcome_count.faces is 'Embedded faces in them.';
comment on column facedb.outcome_count.bytes is 'Their size in bytes.';

create table facedb.shared_photo (
    image_a bigint not null,
    image_b bigint not null
);
comment on table facedb.shared_photo is 'Counted: images of two datasets with the same bytes.';
comment on column facedb.shared_photo.image_a is 'The image with the smaller key.';
comment on column facedb.shared_photo.image_b is 'The other image.';

create function facedb.note_uncounted() returns trigger language plpgsql as $$
begin
    insert into facedb.uncounted (transaction, what)
    values (pg_current_xact_id(), 'contracts'), (pg_current_xact_id(), 'outcomes') on conflict do nothing;
    return null;
end
$$;
comment on function facedb.note_uncounted() is 'Notes that outcomes have to be counted again.';
create trigger uncounted after insert or update or delete or truncate on facedb.image
for each statement execute function facedb.note_uncounted();
create trigger uncounted after insert or update or delete or truncate on facedb.embed_reject
for each statement execute function facedb.note_uncounted();
create trigger uncounted after insert or update or delete or truncate on facedb.embedding
for each statement execute function facedb.note_uncounted();
-- COPY goes into the partitions, where the trigger of the whole table does not fire.
do $$
declare part regclass;
begin
    for part in select inhrelid::regclass from pg_inherits where inhparent = 'facedb.embedding'::regclass loop
        execute 'create trigger uncounted after insert or update or delete or truncate on ' || part
            || ' for each statement execute function facedb.note_uncounted()';
    end loop;
end
$$;
create or replace function facedb.add_embeddings(model integer, dims integer, plain boolean) returns void
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
    -- COPY goes into the partition, where the trigger of the whole table does not fire.
    execute format('create trigger uncounted after insert or update or delete or truncate on facedb.%I'
        ' for each statement execute function facedb.note_uncounted()', part);
    execute format('comment on table facedb.%I is %L', part, format('Embeddings of model %s.', model));
end
$$;
insert into facedb.uncounted (transaction, what) values (pg_current_xact_id(), 'contracts'), (pg_current_xact_id(), 'outcomes');

-- How it is counted. Functions, so that the planner knows that little comes out of much; they read as their owner, as the
-- views do that call them.
create function facedb.contracts_now() returns table (
    dataset_id integer, model_id integer, faces bigint, last_embedding bigint, is_current boolean
) language sql stable security definer set search_path = pg_catalog rows 4 as $$
    select dataset_id, model_id, max(faces), max(last_embedding),
           row_number() over (partition by dataset_id order by max(last_embedding) desc, model_id desc) = 1
    from (
        select s.dataset_id, e.model_id, count(*) filter (where i.status = 'ready') as faces, max(e.id) as last_embedding
        from facedb.embedding e
        join facedb.face f on f.id = e.face_id
        join facedb.image i on i.id = f.image_id
        join facedb.source s on s.id = i.source_id
        group by 1, 2
        union all
        -- A contract that could make nothing of a dataset has looked at it all the same.
        select s.dataset_id, r.model_id, 0, 0
        from facedb.embed_reject r join facedb.image i on i.id = r.image_id join facedb.source s on s.id = i.source_id
        group by 1, 2
    ) looked
    group by dataset_id, model_id
$$;
comment on function facedb.contracts_now() is 'The rows of dataset_contract as they should be.';
create function facedb.shared_photos_now() returns table (image_a bigint, image_b bigint)
language sql stable security definer set search_path = pg_catalog rows 100 as $$
    select a.id, b.id
    from facedb.image a
    join facedb.source sa on sa.id = a.source_id
    join facedb.image b on b.sha256 = a.sha256 and b.id > a.id and b.status = 'ready'
    join facedb.source sb on sb.id = b.source_id and sb.dataset_id <> sa.dataset_id
    where a.status = 'ready'
$$;
comment on function facedb.shared_photos_now() is 'The rows of shared_photo as they should be.';
-- In plpgsql, which looks for the view when it runs: views are made after the tables.
create function facedb.outcomes_now() returns table (
    dataset_id integer, identity_id integer, model_id integer, outcome text, code text, is_present boolean, files bigint,
    faces bigint, bytes bigint
) language plpgsql stable security definer set search_path = pg_catalog rows 10000 as $$
begin
    return query
    select o.dataset_id, o.identity_id, o.model_id, o.outcome, o.code, o.is_present, count(*), sum(o.faces)::bigint,
           sum(o.bytes)::bigint
    from bi.outcomes o group by 1, 2, 3, 4, 5, 6;
end
$$;
comment on function facedb.outcomes_now() is 'The rows of outcome_count as they should be.';

-- Indexes of the views -------------------------------------------------------------------------------------------------

create index image_not_ready on facedb.image (source_id, status) where status <> 'ready';
create index finding_by_class on facedb.finding (scan_id, class, confidence);
