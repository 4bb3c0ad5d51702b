-- name: detection
-- How a contract finds faces.
select detection from facedb.model where id = %(model_id)s;

-- name: embeddings
-- Which face every embedding of a contract belongs to. (Composed: the partition is named by the caller.)
select id, face_id from {embedding}

-- name: face_facts
-- Image, path, status and label of faces as they are now, and what scopes look at.
select f.id, f.image_id, i.path, i.status, n.name, s.dataset_id, f.size_px, f.sharpness
from facedb.face f join facedb.image i on i.id = f.image_id join facedb.source s on s.id = i.source_id
left join facedb.identity n on n.id = i.identity_id
where f.id = any(%(faces)s);

-- name: label_names
-- Identities by key; those of a dataset that is not the only one are told apart by it.
select n.id, case when (select count(distinct o.dataset_id) from facedb.identity o where o.id = any(%(ids)s)) > 1
                  then d.name || '/' || n.name else n.name end
from facedb.identity n join facedb.dataset d on d.id = n.dataset_id where n.id = any(%(ids)s);

-- name: face_images
-- The images of faces. (Composed: the faces.)
select f.id, f.image_id from facedb.face f where f.id = any({faces}::bigint[])

-- name: face_paths
-- Where the images of faces are now.
select f.id, i.path from facedb.face f join facedb.image i on i.id = f.image_id where f.id = any(%(faces)s);
