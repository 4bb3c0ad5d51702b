-- name: add_dataset
-- Make a dataset unless there is one of that name.
insert into facedb.dataset (name) values (%(name)s) on conflict (name) do nothing;

-- name: find_dataset
-- The key of a dataset.
select id from facedb.dataset where name = %(name)s;

-- name: sources
-- Every source with its dataset, and whether it holds anything that is usable.
select s.id, s.dataset_id, d.name, s.location, s.root, s.format, s.options,
       exists (select from facedb.image i where i.source_id = s.id and i.status = 'ready')
from facedb.source s join facedb.dataset d on d.id = s.dataset_id order by s.id;

-- name: datasets
-- Every dataset.
select name, id from facedb.dataset order by id;

-- name: add_source
-- Register a source, or remember its newest options.
insert into facedb.source (dataset_id, location, root, format, options)
values (%(dataset_id)s, %(location)s, %(root)s, %(format)s, %(options)s)
on conflict (dataset_id, location) do update set root = excluded.root, format = excluded.format, options = excluded.options
returning id;

-- name: place_source
-- A known source under its resolved place, with the options of now.
update facedb.source s
set location = case when exists (select from facedb.source o where o.dataset_id = s.dataset_id and o.location = %(location)s and o.id <> s.id)
                    then s.location else %(location)s end,
    root = %(root)s, format = %(format)s, options = %(options)s
where s.id = %(source_id)s;

-- name: count_ready
-- Usable images of a source.
select count(*) from facedb.image where source_id = %(source_id)s and status = 'ready' and format is distinct from 'vector';

-- name: sample_files
-- Some usable files of a source, spread by their bytes: where they are below the root, and how long they are.
select coalesce(i.container, i.path), case when i.container is null then i.bytes end
from facedb.image i where i.source_id = %(source_id)s and i.status = 'ready' and i.sha256 is not null and i.format is distinct from 'vector'
order by i.sha256, i.id limit %(limit)s;

-- name: ready_files
-- Every usable file of a source below its root.
select distinct coalesce(container, path) from facedb.image where source_id = %(source_id)s and status = 'ready' and format is distinct from 'vector';

-- name: steps_of_source
-- A plan that moved files of a source and was not taken back, if any.
select min(t.plan_id) from facedb.plan_step t join facedb.plan p on p.id = t.plan_id
where t.source_id = %(source_id)s and p.state in ('applying', 'applied', 'undoing');

-- name: keep_person_labels
-- What people said of labels under one name of a source counts under its other name too.
update facedb.image i set identity_id = o.identity_id, labelled_by = 'person'
from facedb.image o
where i.source_id = %(to_id)s and o.source_id = %(from_id)s and o.path = i.path and o.sha256 = i.sha256 and o.labelled_by = 'person';

-- name: drop_source
-- A source with its images; what people said stays and is found again by the bytes.
delete from facedb.source where id = %(source_id)s;

-- name: drop_if_empty
-- A source that a failed ingest made and that holds nothing.
delete from facedb.source s where s.id = %(source_id)s and not exists (select from facedb.image i where i.source_id = s.id);

-- name: drop_dataset_if_empty
-- A dataset that a failed ingest made and that nothing feeds.
delete from facedb.dataset d where d.id = %(dataset_id)s and not exists (select from facedb.source s where s.dataset_id = d.id);

-- name: source_is_read
-- A source was read to its end.
update facedb.source set ingested_at = now() where id = %(source_id)s;

-- name: add_identities
-- Make identities that are not there yet.
insert into facedb.identity (dataset_id, name)
select %(dataset_id)s, name from unnest(%(names)s::text[]) as name
on conflict (dataset_id, name) do nothing;

-- name: find_identities
-- Keys of identities by name.
select name, id from facedb.identity where dataset_id = %(dataset_id)s and name = any(%(names)s);

-- name: find_images
-- What is known of these paths.
select path, id, bytes, mtime_ns, sha256, status, reject_code, reject_detail, identity_id, labelled_by, container, container_offset,
       container_length, box, landmarks, extra
from facedb.image where source_id = %(source_id)s and path = any(%(paths)s);

-- name: update_image
-- Take over what the source says of a known path.
update facedb.image
set bytes = %(bytes)s, mtime_ns = %(mtime_ns)s, sha256 = %(sha256)s, status = %(status)s, reject_code = %(reject_code)s,
    reject_detail = %(reject_detail)s, container = %(container)s, container_offset = %(container_offset)s,
    container_length = %(container_length)s, box = %(box)s, landmarks = %(landmarks)s, extra = %(extra)s,
    identity_id = case when labelled_by = 'person' then identity_id else %(identity_id)s end
where id = %(id)s;

-- name: source_has_images
-- Whether anything of a source is there yet.
select exists (select from facedb.image where source_id = %(source_id)s);

-- name: change_vectors
-- Vectors that a source gives differently now.
update facedb.image i set sha256 = c.sha256, format = 'vector', status = 'ready', reject_code = null, reject_detail = null
from unnest(%(ids)s::bigint[], %(hashes)s::bytea[]) as c(id, sha256) where i.id = c.id;

-- name: bring_back
-- Images that had vanished and are there again, as they were.
update facedb.image set status = 'ready', reject_code = null, reject_detail = null where id = any(%(ids)s);

-- name: relabel
-- Labels that a source gives differently now.
update facedb.image i set identity_id = c.identity_id
from unnest(%(ids)s::bigint[], %(identities)s::integer[]) as c(id, identity_id) where i.id = c.id;

-- name: forget_faces
-- The bytes changed: what models made of the old ones is void.
delete from facedb.face where image_id = any(%(image_ids)s);

-- name: forget_rejects
-- The bytes changed, or somebody asked to try again.
delete from facedb.embed_reject where image_id = any(%(image_ids)s);

-- name: forget_facts
-- The bytes changed: size, format and hash of the picture are unknown again.
update facedb.image set width = null, height = null, format = null, phash = null where id = any(%(image_ids)s);

-- name: newest_image
-- What is newer than this came after a run began.
select coalesce(max(id), 0) from facedb.image where source_id = %(source_id)s;

-- name: make_seen
-- What one ingest met, for the one transaction that draws conclusions: a pooler may give the next one another session.
create temporary table seen (image_id bigint not null) on commit drop;

-- name: keep_below
-- What lies in folders that could not be listed was not looked for, and counts as met.
insert into seen select i.id from facedb.image i
where i.source_id = %(source_id)s and i.status <> 'vanished' and i.path ^@ any(%(prefixes)s)
  and not exists (select from seen s where s.image_id = i.id);

-- name: mark_vanished
-- What was there before this run began and was not met by it.
update facedb.image i set status = 'vanished', reject_code = null, reject_detail = null
where i.source_id = %(source_id)s and i.id <= %(newest)s and i.status <> 'vanished'
  and not exists (select from seen s where s.image_id = i.id);

-- name: find_moved
-- Images that were not met whose bytes turned up under a path that is new since the source was last read to its end, one to one.
with gone as (
    select id, sha256, status, row_number() over (partition by sha256 order by path) as n
    from facedb.image i
    where source_id = %(source_id)s and i.id <= %(newest)s and sha256 is not null
      and not exists (select from seen s where s.image_id = i.id)
), came as (
    select i.id, i.sha256, row_number() over (partition by i.sha256 order by i.path) as n
    from facedb.image i join facedb.source s on s.id = i.source_id
    where i.source_id = %(source_id)s and i.status = 'ready' and i.first_seen_at > coalesce(s.ingested_at, '-infinity')
      and exists (select from seen where seen.image_id = i.id)
)
select gone.id as old_id, came.id as new_id, gone.status from gone join came using (sha256, n) order by 1;

-- name: lock_dataset
-- Until this transaction ends nobody else settles which names of a dataset are one file.
select pg_advisory_xact_lock(hashtextextended('facedb settle ' || %(dataset_id)s::integer, 0));

-- name: equal_files
-- Files of a dataset with equal bytes, and those that were taken for other names of one before.
with known as (
    select i.id, i.source_id, s.root, i.path, i.identity_id, i.status, i.reject_code, i.reject_detail, i.sha256,
           count(*) over (partition by i.sha256) as copies
    from facedb.image i join facedb.source s on s.id = i.source_id
    where s.dataset_id = %(dataset_id)s and i.sha256 is not null and i.container is null and i.format is distinct from 'vector' and not (s.format in ('npz', 'npy') and s.options ? 'contract')
      and (i.status = 'ready' or i.reject_code in ('same_file', 'other_label'))
)
select id, source_id, root, path, identity_id, status, reject_code, reject_detail, sha256 from known
where copies > 1 or status <> 'ready' order by sha256, id;

-- name: settle
-- Names that are one file with another, that are a file of their own again, and that are gone.
update facedb.image i set status = c.status, reject_code = c.code, reject_detail = c.detail
from unnest(%(ids)s::bigint[], %(statuses)s::text[], %(codes)s::text[], %(details)s::text[]) as c(id, status, code, detail)
where i.id = c.id;

-- name: new_identities
-- Labels of these images that nothing carries but images new since the source was last read to its end.
select i.identity_id
from facedb.image i join facedb.source s on s.id = i.source_id
where i.identity_id in (select n.identity_id from facedb.image n where n.id = any(%(ids)s))
group by 1
having bool_and(i.source_id = %(source_id)s and i.first_seen_at > coalesce(s.ingested_at, '-infinity'));

-- name: identities_of_images
-- The labels that images have now.
select id, identity_id from facedb.image where id = any(%(ids)s) and identity_id is not null;

-- name: take_new_place
-- The row of the new path goes; what it says of the place is handed to the old row.
delete from facedb.image where id = %(new_id)s
returning path, bytes, mtime_ns, status, container, container_offset, container_length, box, landmarks, extra, identity_id;

-- name: give_new_place
-- The old row takes the new place, so that faces, embeddings and verdicts stay with it.
update facedb.image
set path = %(path)s, bytes = %(bytes)s, mtime_ns = %(mtime_ns)s, status = %(status)s, container = %(container)s,
    container_offset = %(container_offset)s, container_length = %(container_length)s, box = %(box)s,
    landmarks = %(landmarks)s, extra = %(extra)s,
    identity_id = case when labelled_by = 'person' then identity_id else %(identity_id)s end
where id = %(old_id)s;

-- name: park_moved
-- Frees the unique path of rows that are about to be merged.
update facedb.image set path = 'moved:' || id where id = any(%(ids)s);

-- name: find_renamed
-- Identities that lost every image to one that is new: renamed folders.
with moved as (
    select m.from_id, i.identity_id as to_id, count(*) as n
    from unnest(%(image_ids)s::bigint[], %(from_ids)s::integer[]) as m(image_id, from_id)
    join facedb.image i on i.id = m.image_id
    where i.labelled_by = 'source' and i.identity_id is not null and i.identity_id <> m.from_id
    group by 1, 2
), best as (
    select distinct on (to_id) from_id, to_id, n from moved order by to_id, n desc, from_id
)
select distinct on (b.from_id) b.from_id, b.to_id
from best b
where b.to_id = any(%(new_identities)s)
  and not exists (select from facedb.image i where i.identity_id = b.from_id and i.status = 'ready')
  and 2 * b.n >= (select count(*) from facedb.image i where i.identity_id = b.to_id and i.status = 'ready')
order by b.from_id, b.n desc, b.to_id;

-- name: adopt_images
-- The images of a renamed folder go back to the identity that they had.
update facedb.image set identity_id = %(from_id)s where identity_id = %(to_id)s;

-- name: drop_identity
-- Returns the new name of a renamed folder.
delete from facedb.identity where id = %(to_id)s returning name;

-- name: rename_identity
-- The identity keeps its key, and so its verdicts.
update facedb.identity set name = %(name)s where id = %(from_id)s;

-- name: count_vanished
-- What a prune would drop.
select count(*) from facedb.image where source_id = %(source_id)s and status = 'vanished';

-- name: prune
-- Drop vanished images with everything that hangs on them.
delete from facedb.image where source_id = %(source_id)s and status = 'vanished';

-- name: count_images
-- How the inputs of a dataset stand, by status.
select i.status, count(*) from facedb.image i join facedb.source s on s.id = i.source_id
where s.dataset_id = %(dataset_id)s group by 1;

-- name: count_identities
-- Identities that have at least one image to embed.
select count(distinct i.identity_id) from facedb.image i join facedb.source s on s.id = i.source_id
where s.dataset_id = %(dataset_id)s and i.status = 'ready';

-- name: reserve_ids
-- Keys for rows that are about to be copied in, as one array: a row each costs the client ten times as much.
select coalesce(array_agg(nextval(%(sequence)s)), '{}') from generate_series(1, %(n)s);

-- name: image_place
-- Where the bytes of an image are, and what they were.
select s.root, s.format, i.path, i.container, i.container_offset, i.container_length, i.status, i.sha256
from facedb.image i join facedb.source s on s.id = i.source_id where i.id = %(image_id)s;
