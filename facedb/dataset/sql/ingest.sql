-- name: add_dataset
-- Make a dataset unless there is one of that name.
insert into facedb.dataset (name) values (%(name)s) on conflict (name) do nothing;

-- name: find_dataset
-- The key of a dataset.
select id from facedb.dataset where name = %(name)s;

-- name: datasets
-- Every dataset.
select name, id from facedb.dataset order by id;

-- name: dataset_of_location
-- The dataset that an earlier ingest of the same place went to.
select d.name from facedb.source s join facedb.dataset d on d.id = s.dataset_id
where s.location = %(location)s order by s.id limit 1;

-- name: locations_of_dataset
-- Where a dataset comes from.
select s.location from facedb.source s join facedb.dataset d on d.id = s.dataset_id where d.name = %(name)s order by s.id;

-- name: contract_of_source
-- The name of the model that made the vectors of a source that was ingested before.
select options ->> 'contract' from facedb.source where dataset_id = %(dataset_id)s and location = %(location)s;

-- name: add_source
-- Register a source, or remember its newest options.
insert into facedb.source (dataset_id, location, root, format, options)
values (%(dataset_id)s, %(location)s, %(root)s, %(format)s, %(options)s)
on conflict (dataset_id, location) do update set root = excluded.root, format = excluded.format, options = excluded.options
returning id;

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
select path, id, bytes, mtime_ns, sha256, status, reject_code, identity_id, labelled_by, container, container_offset, container_length,
       box, landmarks, extra
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
update facedb.image i set sha256 = c.sha256, status = 'ready', reject_code = null, reject_detail = null
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

-- name: make_seen
-- Where one ingest notes what it met.
create temporary table if not exists seen (image_id bigint not null) on commit preserve rows;

-- name: clear_seen
-- A new ingest begins.
truncate seen;

-- name: mark_vanished
-- What was there before and was not met this time.
update facedb.image i set status = 'vanished', reject_code = null, reject_detail = null
where i.source_id = %(source_id)s and i.status <> 'vanished' and not exists (select from seen s where s.image_id = i.id);

-- name: find_moved
-- Images that were not met whose bytes turned up under a path that is new since the source was last read to its end, one to one.
with gone as (
    select id, sha256, status, row_number() over (partition by sha256 order by path) as n
    from facedb.image i
    where source_id = %(source_id)s and sha256 is not null and not exists (select from seen s where s.image_id = i.id)
), came as (
    select i.id, i.sha256, row_number() over (partition by i.sha256 order by i.path) as n
    from facedb.image i join facedb.source s on s.id = i.source_id
    where i.source_id = %(source_id)s and i.status = 'ready' and i.first_seen_at > coalesce(s.ingested_at, '-infinity')
      and exists (select from seen where seen.image_id = i.id)
)
select gone.id as old_id, came.id as new_id, gone.status from gone join came using (sha256, n) order by 1;

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
-- Keys for rows that are about to be copied in.
select nextval(%(sequence)s) from generate_series(1, %(n)s);
