-- name: add_model
-- Register a contract, or remember where its files are now.
insert into facedb.model (name, digest, contract, dim, detection, weights_path, detector_path)
values (%(name)s, %(digest)s, %(contract)s, %(dim)s, %(detection)s, %(weights_path)s, %(detector_path)s)
on conflict (digest) do update
set weights_path = coalesce(excluded.weights_path, facedb.model.weights_path),
    detector_path = coalesce(excluded.detector_path, facedb.model.detector_path)
returning id;

-- name: add_partition
-- The place of the embeddings of a model, unless it is there.
select facedb.add_embeddings(%(model_id)s, %(dim)s, %(plain)s);

-- name: contracts
-- Contracts. (Composed: one of the choices that follow.)
select m.id, m.name, m.digest, m.contract, m.dim, m.detection, m.weights_path, m.detector_path from facedb.model m
{which};

-- name: by_id
-- The one with a key.
where m.id = %(id)s

-- name: by_name
-- Those of a name or digest, newest first.
where m.name = %(name)s or starts_with(m.digest, %(name)s) order by m.digest = %(name)s desc, m.id desc

-- name: by_file
-- Those whose weights lie in a file of this name, newest first: one model may have been given under several names.
where regexp_replace(m.weights_path, '^.*/|[.]onnx$', '', 'g') = %(name)s order by m.id desc

-- name: by_weights
-- The one of a model file that embedded last; one file may serve several contracts.
where m.contract ->> 'weights_sha256' = %(weights)s
order by (select max(e.id) from facedb.embedding e where e.model_id = m.id) desc nulls last, m.id desc limit 1

-- name: in_use
-- The one that embedded a face last, of all or of some datasets; a contract that could make nothing of them comes after. Where there
-- is one contract, which of a million embeddings came last need not be found.
where m.id = (with used as materialized (
    select u.id from facedb.model u
    cross join lateral (select from facedb.embedding e where e.model_id = u.id limit 1) any_embedding
), newest as materialized (
    select u.id, case
        when %(datasets)s::integer[] is null then
            case when (select count(*) from used) = 1 then 0
            else (select max(e.id) from facedb.embedding e where e.model_id = u.id) end
        when (select count(*) from used) = 1 then (
            select 0 from facedb.source s join facedb.image i on i.source_id = s.id
            join facedb.face f on f.image_id = i.id join facedb.embedding e on e.face_id = f.id
            where e.model_id = u.id and s.dataset_id = any(%(datasets)s) limit 1)
        else (
            select max(e.id) from facedb.embedding e join facedb.face f on f.id = e.face_id
            join facedb.image i on i.id = f.image_id join facedb.source s on s.id = i.source_id
            where e.model_id = u.id and s.dataset_id = any(%(datasets)s))
        end as embedding
    from used u
)
select n.id from newest n where n.embedding is not null order by n.embedding desc limit 1)

-- name: other_weights
-- The weights that earlier contracts of this name or file had.
select distinct contract ->> 'weights_sha256' from facedb.model
where contract ? 'weights_sha256' and (name = %(name)s or weights_path = %(weights_path)s);

-- name: models
-- Every contract with the number of its embeddings.
select m.id, m.name, m.dim, m.digest, m.contract, m.weights_path, m.detector_path, m.created_at,
       (select count(*) from facedb.embedding e where e.model_id = m.id) as embeddings
from facedb.model m order by m.id;

-- name: unseen
-- Images that have neither a face nor a reject under a contract.
from facedb.image i
join facedb.source s on s.id = i.source_id
where i.status = 'ready' and i.format is distinct from 'vector' and not (s.format in ('npz', 'npy') and s.options ? 'contract')
  and (%(dataset_id)s::integer is null or s.dataset_id = %(dataset_id)s)
  and not exists (select from facedb.embed_reject r where r.model_id = %(model_id)s and r.image_id = i.id)
  and not exists (
      select from facedb.face f join facedb.embedding e on e.face_id = f.id and e.model_id = %(model_id)s
      where f.image_id = i.id
  )

-- name: count_pending
-- How many these are. (Composed: they.)
select count(*) {unseen};

-- name: pending
-- The same, in an order in which containers are read forward. (Composed: they.)
select i.id, s.root, i.path, i.container, i.container_offset, i.container_length, i.box, i.landmarks, i.sha256
{unseen}
order by s.id, i.container, i.container_offset, i.path;

-- name: images_with_bytes
-- Images by key whose bytes can be read again, in the same order.
select i.id, s.root, i.path, i.container, i.container_offset, i.container_length, i.box, i.landmarks, i.sha256
from facedb.image i
join facedb.source s on s.id = i.source_id
where i.id = any(%(ids)s) and i.format is distinct from 'vector' and not (s.format in ('npz', 'npy') and s.options ? 'contract')
order by s.id, i.container, i.container_offset, i.path;

-- name: unchanged
-- Which images are still what a run began with; nobody changes them, and no other run writes their faces, before this
-- transaction ends. Two runs under contracts of one detection share faces, so a lock that they could share would let both
-- insert the same face, or wait for each other to update the image; the order keeps two runs from locking crosswise.
select i.id from facedb.image i join unnest(%(ids)s::bigint[], %(hashes)s::bytea[]) as c(id, sha256) on c.id = i.id
where i.status = 'ready' and i.sha256 is not distinct from c.sha256
order by i.id
for no key update of i;

-- name: known_faces
-- Faces that another contract with the same detection found already.
select image_id, ordinal, id from facedb.face where detection = %(detection)s and image_id = any(%(image_ids)s);

-- name: set_facts
-- What decoding showed of the images of one batch.
update facedb.image i set width = f.width, height = f.height, format = f.format, phash = f.phash
from unnest(%(ids)s::bigint[], %(widths)s::integer[], %(heights)s::integer[], %(formats)s::text[], %(phashes)s::bigint[])
    as f(id, width, height, format, phash)
where i.id = f.id and (i.width, i.height, i.format, i.phash) is distinct from (f.width, f.height, f.format, f.phash);

-- name: set_thumbnails
-- Their pictures, small and grey, and the hashes of their views (as text: arrays of arrays do not come apart).
insert into facedb.thumbnail (image_id, grey, views, colour, fine, blocks)
select t.id, t.grey, string_to_array(t.views, ' ')::bigint[], t.colour, t.fine, t.blocks
from unnest(%(ids)s::bigint[], %(thumbnails)s::bytea[], %(views)s::text[], %(colours)s::real[], %(fine)s::real[], %(blocks)s::real[])
    as t(id, grey, views, colour, fine, blocks)
on conflict (image_id) do update
set grey = excluded.grey, views = excluded.views, colour = excluded.colour, fine = excluded.fine, blocks = excluded.blocks;

-- name: measure_again
-- The sharpness of faces that were found before it was measured as it is now.
update facedb.face f set sharpness = m.sharpness
from unnest(%(face_ids)s::bigint[], %(sharpness)s::real[]) as m(id, sharpness)
where f.id = m.id and f.sharpness is null;

-- name: add_rejects
-- Images of one batch that gave no face.
insert into facedb.embed_reject (image_id, model_id, code, detail)
select image_id, %(model_id)s, code, detail
from unnest(%(image_ids)s::bigint[], %(codes)s::text[], %(details)s::text[]) as r(image_id, code, detail)
on conflict (model_id, image_id) do update set code = excluded.code, detail = excluded.detail, rejected_at = now();

-- name: retry_rejects
-- Take rejects up again: they become pending.
delete from facedb.embed_reject r using facedb.image i, facedb.source s
where i.id = r.image_id and s.id = i.source_id
  and (%(model_id)s::integer is null or r.model_id = %(model_id)s)
  and (%(datasets)s::integer[] is null or s.dataset_id = any(%(datasets)s))
  and (%(code)s::text is null or r.code = %(code)s);

-- name: count_outcomes
-- Embedded images, their faces, and rejects of a dataset under a contract.
select
    (select count(distinct f.image_id) from facedb.embedding e join facedb.face f on f.id = e.face_id
     join facedb.image i on i.id = f.image_id and i.status = 'ready' join facedb.source s on s.id = i.source_id
     where e.model_id = %(model_id)s and (%(dataset_id)s::integer is null or s.dataset_id = %(dataset_id)s)) as images,
    (select count(*) from facedb.embedding e join facedb.face f on f.id = e.face_id
     join facedb.image i on i.id = f.image_id and i.status = 'ready' join facedb.source s on s.id = i.source_id
     where e.model_id = %(model_id)s and (%(dataset_id)s::integer is null or s.dataset_id = %(dataset_id)s)) as faces,
    (select count(*) from facedb.embed_reject r
     join facedb.image i on i.id = r.image_id and i.status = 'ready' join facedb.source s on s.id = i.source_id
     where r.model_id = %(model_id)s and (%(dataset_id)s::integer is null or s.dataset_id = %(dataset_id)s)) as rejected;

-- name: remember_choice
-- What a dataset was embedded with, as it was named; without a dataset, for those that remember nothing yet.
update facedb.dataset set model_choice = %(choice)s
where (id = %(dataset_id)s or (%(dataset_id)s::integer is null and model_choice is null))
  and model_choice is distinct from %(choice)s;

-- name: remembered_choices
-- What datasets were embedded with: one, or all.
select model_choice from facedb.dataset
where model_choice is not null and (%(dataset)s::text is null or name = %(dataset)s) order by id;
