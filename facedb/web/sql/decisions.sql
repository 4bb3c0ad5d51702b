-- name: alone
-- Verdicts are written one reviewer at a time, so that nobody answers what another one is answering; readers do not wait.
lock table facedb.verdict in share row exclusive mode;

-- name: add_decision
-- An answer; decisions of one stroke share the key of the first as their batch.
insert into facedb.decision (sitting_id, batch, scan_id, rank, class, answer, agrees)
values (%(sitting_id)s, coalesce(%(batch)s, currval(pg_get_serial_sequence('facedb.decision', 'id'))), %(scan_id)s, %(rank)s, %(class)s,
        %(answer)s, %(agrees)s)
returning id, batch;

-- name: add_decision_verdicts
-- What it became.
insert into facedb.decision_verdict (decision_id, verdict_id) select %(decision_id)s, v from unnest(%(verdicts)s::bigint[]) as v;

-- name: add_decision_taken_faces
-- The faces that it took.
insert into facedb.decision_taken_face (decision_id, taken_face_id) select %(decision_id)s, t from unnest(%(taken)s::bigint[]) as t;

-- name: taken_faces_of
-- The faces that a decision took: the photo, the newest word on it, the one before, and how many verdicts came with it.
select t.image_id, t.id, n.id, n.said_by,
       (select o.id from facedb.taken_face o where o.image_id = t.image_id and o.id < t.id order by o.id desc limit 1),
       (select count(*) from facedb.decision_verdict v where v.decision_id = d.decision_id)
from facedb.decision_taken_face d
join facedb.taken_face t on t.id = d.taken_face_id
cross join lateral (select o.id, o.said_by from facedb.taken_face o where o.image_id = t.image_id order by o.id desc limit 1) n
where d.decision_id = %(decision_id)s;

-- name: newest_batch
-- The newest stroke of a sitting that was not taken back.
select d.id, d.scan_id, d.rank from facedb.decision d
where d.sitting_id = %(sitting_id)s and d.undone_at is null and d.batch = (
    select batch from facedb.decision where sitting_id = %(sitting_id)s and undone_at is null order by id desc limit 1
)
order by d.id desc;

-- name: verdicts_of
-- The verdicts of a decision, newest first, with the newest on the same subject and the one before.
select v.id, n.id, p.id, p.verdict, n.said_by
from facedb.decision_verdict dv
join facedb.verdict v on v.id = dv.verdict_id
cross join lateral (
    select o.id, o.said_by from facedb.verdict o
    where o.kind = v.kind and o.id >= v.id
      and case v.kind when 'link' then (o.identity_a, o.identity_b) = (v.identity_a, v.identity_b)
                      when 'pair' then (o.image_a, o.image_b) = (v.image_a, v.image_b) else o.image_a = v.image_a end
    order by o.id desc limit 1
) n
left join lateral (
    select o.id, o.verdict from facedb.verdict o
    where o.kind = v.kind and o.id < v.id
      and case v.kind when 'link' then (o.identity_a, o.identity_b) = (v.identity_a, v.identity_b)
                      when 'pair' then (o.image_a, o.image_b) = (v.image_a, v.image_b) else o.image_a = v.image_a end
    order by o.id desc limit 1
) p on true
where dv.decision_id = %(decision_id)s order by v.id desc;

-- name: withdraw
-- Take a verdict back: nothing is said of its subject any more.
insert into facedb.verdict (kind, verdict, identity_a, identity_b, image_a, image_b, sha256_a, sha256_b, said_by, known_images, dataset_a,
                            dataset_b)
select kind, 'withdrawn', identity_a, identity_b, image_a, image_b, sha256_a, sha256_b, %(said_by)s, known_images, dataset_a, dataset_b
from facedb.verdict where id = %(verdict_id)s returning id;

-- name: restate
-- Let an earlier verdict stand again, in the name of whoever said it.
insert into facedb.verdict (kind, verdict, identity_a, identity_b, image_a, image_b, sha256_a, sha256_b, target_identity, note, said_by,
                            scan_id, pairs, faces_a, faces_b, known_images, dataset_a, dataset_b)
select kind, verdict, identity_a, identity_b, image_a, image_b, sha256_a, sha256_b, target_identity, note, said_by, scan_id, pairs, faces_a,
       faces_b, known_images, dataset_a, dataset_b
from facedb.verdict where id = %(verdict_id)s returning id;

-- name: mark_undone
-- A decision does not count any more.
update facedb.decision set undone_at = clock_timestamp() where id = any(%(ids)s);

-- name: images_of_faces
-- The images of faces, with what is needed to say something of them.
select f.id, i.id, i.identity_id, i.status, i.sha256 is not null, i.path from facedb.face f join facedb.image i on i.id = f.image_id
where f.id = any(%(ids)s);
