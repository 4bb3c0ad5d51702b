-- name: findings
-- Findings of a scan by rank, with the names of today and the class that a list shows: a merge that was denied is a look-alike, and the other way round.
select f.rank, f.class, coalesce(f.identity_a_id, 0), coalesce(f.identity_a, ''), f.identity_b_id, f.identity_b, f.dataset_a, f.faces_a, f.size_a, f.margin
from facedb.findings_of(%(scan_id)s, %(ranks)s) f order by f.rank;

-- name: images
-- Their images that are wrong, or copies, in the order in which they are shown, and whether a person said that they do not stay.
select w.rank, i.id, i.path, i.identity_id, i.status, i.sha256 is not null,
       coalesce((select v.verdict in ('wrong-identity', 'duplicate') from facedb.verdict v
                 where v.kind = 'face' and v.image_a = i.id order by v.id desc limit 1), false)
from facedb.finding_face w
join facedb.face c on c.id = w.face_id
join facedb.image i on i.id = c.image_id
where w.scan_id = %(scan_id)s and w.rank = any(%(ranks)s) and w.role in ('wrong', 'copy') order by w.rank, w.role, w.face_id;

-- name: named
-- Every finding of a scan as a list of findings shows it. (Composed: its identities.)
select f.rank, f.class, coalesce({identity_a}, ''), {identity_b}, f.images, f.verdict
from bi.findings f where f.scan_id = %(scan_id)s order by f.rank;
