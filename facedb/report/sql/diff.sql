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

-- name: flagged_faces
-- The faces in the flagged pairs of a scan. (Composed: its partition.)
select face_a as face from {pairs} union select face_b from {pairs}

-- name: flagged_by_face
-- The flagged pairs of a scan, to be matched by their faces. (Composed: its partition.)
select face_a as low, face_b as high, face_a, face_b, score from {pairs}

-- name: flagged_by_image
-- The same, to be matched by their images, of which the best pair counts; below zero a face that is gone is taken for no image.
-- (Composed: its partition.)
select distinct on (low, high) least(a, b) as low, greatest(a, b) as high, face_a, face_b, score
from (select coalesce(one.image_id, -face_a) as a, coalesce(other.image_id, -face_b) as b, face_a, face_b, score
      from {pairs} left join facedb.face one on one.id = face_a left join facedb.face other on other.id = face_b) p
order by low, high, score desc, face_a, face_b

-- name: matched
-- Every pair that one of two scans flagged, with its faces and its score in both; no face and no number where one did not.
-- (Composed: the flagged pairs of both.)
select coalesce(one.face_a, 0) as before_a, coalesce(one.face_b, 0) as before_b,
       coalesce(two.face_a, 0) as after_a, coalesce(two.face_b, 0) as after_b,
       coalesce(one.score, 'NaN') as before, coalesce(two.score, 'NaN') as after
from ({before}) one full join ({after}) two using (low, high)

-- name: changed
-- Those of them that may differ, with the paths of both images, in the order in which people read them. (Composed: all of them.)
select p.*, coalesce(a.path, %(gone)s) as path_a, coalesce(b.path, %(gone)s) as path_b
from ({pairs}) p
left join facedb.face f on f.id = coalesce(nullif(after_a, 0), before_a) left join facedb.image a on a.id = f.image_id
left join facedb.face g on g.id = coalesce(nullif(after_b, 0), before_b) left join facedb.image b on b.id = g.image_id
where before <> after or before_a = any(%(relabelled)s) or before_b = any(%(relabelled)s)
   or after_a = any(%(relabelled)s) or after_b = any(%(relabelled)s)
order by case when before = 'NaN' then 0 when after = 'NaN' then 1 else 2 end,
         case when after not in ('NaN', 0) then after when before <> 'NaN' then before else 0 end desc,
         coalesce(a.path, %(gone)s) collate "C", coalesce(b.path, %(gone)s) collate "C", after_a, after_b, before_a, before_b
