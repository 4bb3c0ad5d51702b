-- name: copies
-- Those of some findings of a scan that are of copies, with the two folders, which of them is the right one, and the images.
select f.rank, f.identity_a, f.identity_b, f.margin, array_agg(distinct c.image_id)
from facedb.finding f
join facedb.finding_face w on w.scan_id = f.scan_id and w.rank = f.rank and w.role = 'copy'
join facedb.face c on c.id = w.face_id
where f.scan_id = %(scan_id)s and f.rank = any(%(ranks)s) and f.class = 'duplicate'
group by f.scan_id, f.rank;

-- name: pictures
-- Images, small and grey.
select image_id, grey from facedb.thumbnail where image_id = any(%(ids)s::bigint[]);
