-- name: faces_by_id
-- Faces by key, with their image, how many other faces the same photo has, and whether they are another person than its label says: as the
-- newest scan saw it, unless a person has said since which face of the photo is meant.
select f.id, f.image_id, i.identity_id, n.name, d.name, i.path, i.status, i.width, i.height, i.bytes, f.box, f.size_px, f.sharpness,
       (select count(*) - 1 from facedb.face o where o.image_id = f.image_id and o.detection = f.detection),
       encode(substr(i.sha256, 1, 6), 'hex'),
       i.identity_id is not null and coalesce(
           (select not (t.box[1] + t.box[3] / 2 between f.box[1] and f.box[1] + f.box[3]
                        and t.box[2] + t.box[4] / 2 between f.box[2] and f.box[2] + f.box[4])
            from facedb.taken_face t where t.sha256 = i.sha256 and t.dataset_id = d.id order by t.id desc limit 1),
           (select r.role = 'bystander' from facedb.scan_face r where r.face_id = f.id order by r.scan_id desc limit 1), false)
from facedb.face f join facedb.image i on i.id = f.image_id
join facedb.source s on s.id = i.source_id join facedb.dataset d on d.id = s.dataset_id
left join facedb.identity n on n.id = i.identity_id
where f.id = any(%(ids)s);

-- name: identity_face_ids
-- Faces that stand for an identity under a contract, the oldest first; not the other people in its photos, as a scan saw them.
select f.id from facedb.image i
join facedb.face f on f.image_id = i.id
join facedb.embedding e on e.face_id = f.id and e.model_id = %(model_id)s
where i.identity_id = %(identity_id)s and i.status = 'ready'
  and not exists (select from facedb.scan_face r where r.scan_id = %(scan_id)s and r.face_id = f.id and r.role in ('bystander', 'again'))
order by f.id limit %(limit)s;

-- name: identity_face_count
-- How many there are.
select count(*) from facedb.image i
join facedb.face f on f.image_id = i.id
join facedb.embedding e on e.face_id = f.id and e.model_id = %(model_id)s
where i.identity_id = %(identity_id)s and i.status = 'ready'
  and not exists (select from facedb.scan_face r where r.scan_id = %(scan_id)s and r.face_id = f.id and r.role in ('bystander', 'again'));

-- name: bystanders
-- Other people in the photos of an identity, as a scan saw them, with whom they are if that is known and nobody who was hidden.
select r.face_id, n.id, n.name, r.also_score
from facedb.scan_face r join facedb.face f on f.id = r.face_id join facedb.image i on i.id = f.image_id
left join facedb.identity n
    on n.id = r.also_identity and not exists (select from facedb.hidden_identity h where h.identity_id = n.id)
where r.scan_id = %(scan_id)s and r.role = 'bystander' and i.identity_id = %(identity_id)s and i.status = 'ready'
order by r.also_score desc nulls last, r.face_id limit 60;

-- name: model_of_face
-- The contract that embedded a face last.
select model_id from facedb.embedding where face_id = %(face_id)s order by id desc limit 1;

-- name: vectors
-- Unit vectors of faces under a contract.
select face_id, vec from facedb.embedding where model_id = %(model_id)s and face_id = any(%(ids)s);

-- name: said_of_images
-- What stands on images and their labels.
select distinct on (v.image_a) v.image_a, v.verdict, t.name, v.said_by
from facedb.verdict v
left join facedb.identity t on t.id = v.target_identity
     and not exists (select from facedb.hidden_identity h where h.identity_id = t.id)
where v.kind = 'face' and v.image_a = any(%(ids)s)
order by v.image_a, v.id desc;
