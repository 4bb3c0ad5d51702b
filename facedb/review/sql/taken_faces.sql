-- name: standing
-- What stands on a photo.
select taken_face_id, box_x, box_y, box_width, box_height, said_by, said_at from bi.taken_faces where image_id = %(image_id)s;

-- name: last_word
-- The newest word on a photo, whatever it says.
select id, said_by from facedb.taken_face where image_id = %(image_id)s order by id desc limit 1;

-- name: face
-- A face with what is needed to take it: its photo, whether that has a label, whether the face has a vector, and how many have one.
select i.id, i.path, i.status = 'ready' and i.identity_id is not null and i.sha256 is not null and f.box is not null,
       exists (select from facedb.embedding e where e.face_id = f.id),
       (select count(*) from facedb.face o where o.image_id = f.image_id and o.detection = f.detection
        and exists (select from facedb.embedding e where e.face_id = o.id))
from facedb.face f join facedb.image i on i.id = f.image_id where f.id = %(face_id)s;

-- name: face_at
-- The smallest face of a photo that covers a point, those with a vector first.
select f.id from facedb.face f
where f.image_id = %(image_id)s
  and %(x)s between f.box[1] and f.box[1] + f.box[3] and %(y)s between f.box[2] and f.box[2] + f.box[4]
order by exists (select from facedb.embedding e where e.face_id = f.id) desc, f.box[3] * f.box[4], f.id desc limit 1;

-- name: take
-- Write that a face stands for the label of its photo.
insert into facedb.taken_face (dataset_id, image_id, sha256, box, said_by)
select s.dataset_id, i.id, i.sha256, f.box, %(said_by)s
from facedb.face f join facedb.image i on i.id = f.image_id join facedb.source s on s.id = i.source_id
where f.id = %(face_id)s returning id;

-- name: take_back
-- Write that an earlier word counts again, or, without one, that the scan chooses.
insert into facedb.taken_face (dataset_id, image_id, sha256, box, said_by)
select n.dataset_id, n.image_id, n.sha256, o.box, coalesce(o.said_by, %(said_by)s)
from (select * from facedb.taken_face where image_id = %(image_id)s
      or sha256 = (select i.sha256 from facedb.image i where i.id = %(image_id)s) order by id desc limit 1) n
left join facedb.taken_face o on o.id = %(earlier)s::bigint
returning id;
