-- name: without_face
-- Images that the contract used last could not embed.
select r.image_id from facedb.embed_reject r
where r.model_id = %(model_id)s
  and not exists (select from facedb.face f join facedb.embedding e on e.face_id = f.id and e.model_id = r.model_id
                  where f.image_id = r.image_id);

-- name: embedded_faces
-- Every face of a contract with its path and label, in the order of an export; those without a label come last.
select e.id, n.name, i.path, f.ordinal, e.norm, i.id, n.id, d.name
from facedb.embedding e
join facedb.face f on f.id = e.face_id
join facedb.image i on i.id = f.image_id and i.status = 'ready'
join facedb.source s on s.id = i.source_id
join facedb.dataset d on d.id = s.dataset_id
left join facedb.identity n on n.id = i.identity_id
where e.model_id = %(model_id)s
  and (%(dataset)s::text is null or d.name = %(dataset)s)
  and (%(identity_id)s::integer is null or n.id = %(identity_id)s)
order by d.name, n.name, i.path, f.ordinal;

-- name: identities
-- Identities that have images, with their datasets.
select n.id, n.name, d.name from facedb.identity n join facedb.dataset d on d.id = n.dataset_id
where (%(dataset)s::text is null or d.name = %(dataset)s)
  and exists (select from facedb.image i where i.identity_id = n.id and i.status = 'ready')
order by d.name, n.name;

-- name: sizes
-- The size that all images of a dataset share; no row where they differ.
select min(i.height), min(i.width) from facedb.image i join facedb.source s on s.id = i.source_id join facedb.dataset d on d.id = s.dataset_id
where i.status = 'ready' and i.width is not null and (%(dataset)s::text is null or d.name = %(dataset)s)
having min(i.height) = max(i.height) and min(i.width) = max(i.width);

-- name: places
-- Where the bytes of images are.
select i.id, i.container_offset, i.container_length from facedb.image i where i.id = any(%(ids)s);

-- name: leaks
-- People and photos of other datasets that a dataset has as well.
select distinct identity_id, image_id from bi.leakage where other_dataset = %(dataset)s;

-- name: compared
-- Whether a finished scan compares a dataset with another one.
select exists (
    select from bi.scan_coverage where is_newest and dataset_a <> dataset_b and %(dataset)s in (dataset_a, dataset_b)
);
