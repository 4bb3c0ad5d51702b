-- name: bytes_of_face
-- Where the bytes of a face's photo are, and where in it the face is.
select i.id, s.root, i.path, i.container, i.container_offset, i.container_length, i.sha256, i.status, f.box, f.landmarks, s.format
from facedb.face f join facedb.image i on i.id = f.image_id join facedb.source s on s.id = i.source_id where f.id = %(face_id)s;

-- name: bytes_of_image
-- Where the bytes of a photo are.
select i.id, s.root, i.path, i.container, i.container_offset, i.container_length, i.sha256, i.status, null::real[], null::real[], s.format
from facedb.image i join facedb.source s on s.id = i.source_id where i.id = %(image_id)s;

-- name: image
-- One photo.
select i.id, i.path, i.status, i.reject_code, i.reject_detail, i.bytes, i.width, i.height, i.format, encode(i.sha256, 'hex'), i.identity_id,
       n.name, d.name, s.location, i.first_seen_at, i.labelled_by
from facedb.image i join facedb.source s on s.id = i.source_id join facedb.dataset d on d.id = s.dataset_id
left join facedb.identity n on n.id = i.identity_id
where i.id = %(image_id)s;

-- name: faces_of_image
-- The faces that a contract found in a photo; taken: it has a vector and, for the newest scan that looked, stands for the label.
select f.id,
       exists (select from facedb.embedding e where e.face_id = f.id and e.model_id = m.id)
       and coalesce((select r.role not in ('bystander', 'again') from facedb.scan_face r
                     where r.face_id = f.id order by r.scan_id desc limit 1), true),
       exists (select from facedb.embedding e where e.face_id = f.id and e.model_id = m.id),
       f.detector_score, f.landmarks
from facedb.face f join facedb.model m on m.id = %(model_id)s and m.detection = f.detection
where f.image_id = %(image_id)s order by f.ordinal;

-- name: models_of_image
-- The contracts that looked at a photo, the newest first.
select m.id, m.name from facedb.model m
where exists (select from facedb.face f where f.image_id = %(image_id)s and f.detection = m.detection) order by m.id desc;

-- name: findings_of_image
-- Findings of the newest scans that are about a photo.
select w.scan_id, w.rank, f.class, w.role from facedb.finding_face w
join facedb.finding f on f.scan_id = w.scan_id and f.rank = w.rank
join facedb.face c on c.id = w.face_id
where c.image_id = %(image_id)s order by w.scan_id desc, w.rank limit 20;
