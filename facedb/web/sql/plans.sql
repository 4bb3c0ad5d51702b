-- name: faces_of_images
-- A face to know each image by.
select f.image_id, min(f.id) from facedb.face f where f.image_id = any(%(ids)s) group by 1;

-- name: residents
-- Some faces of labels that stay where they are, so that one sees whom the others join.
select n.id, r.id from unnest(%(ids)s::integer[]) as n(id)
cross join lateral (
    select min(c.id) as id from facedb.image i join facedb.face c on c.image_id = i.id
    where i.identity_id = n.id and i.status = 'ready' and i.id <> all(%(leaving)s::bigint[])
    group by i.id order by i.id limit %(each)s
) r;

-- name: plans
-- Every plan, newest first.
select plan_id, state, steps, done, created_by, created_at from bi.plans order by plan_id desc limit 100;
