-- name: faces_of_images
-- A face to know each image by.
select f.image_id, min(f.id) from facedb.face f where f.image_id = any(%(ids)s) group by 1;

-- name: plans
-- Every plan, newest first.
select plan_id, state, steps, done, created_by, created_at from bi.plans order by plan_id desc limit 100;
