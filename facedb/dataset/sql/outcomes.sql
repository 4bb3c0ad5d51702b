-- name: lock
-- One counts at a time; the next one sees what this one left.
select pg_advisory_xact_lock(hashtextextended('facedb outcomes', 0));

-- name: is_due
-- Whether anything changed since the last counting.
select exists (select from facedb.uncounted);

-- name: count_contracts
-- The contracts of the datasets; the marks that this snapshot sees are taken away, later ones stay.
with seen as (
    delete from facedb.uncounted where what = 'contracts' returning 1
), old as (
    delete from facedb.dataset_contract returning 1
)
insert into facedb.dataset_contract (dataset_id, model_id, faces, last_embedding, is_current)
select dataset_id, model_id, faces, last_embedding, is_current from facedb.contracts_now();

-- name: count_photos
-- Photos that two datasets share.
with old as (
    delete from facedb.shared_photo returning 1
)
insert into facedb.shared_photo (image_a, image_b) select image_a, image_b from facedb.shared_photos_now();

-- name: count_outcomes
-- What became of the files.
with seen as (
    delete from facedb.uncounted where what = 'outcomes' returning 1
), old as (
    delete from facedb.outcome_count returning 1
)
insert into facedb.outcome_count (dataset_id, identity_id, model_id, outcome, code, is_present, files, faces, bytes)
select dataset_id, identity_id, model_id, outcome, code, is_present, files, faces, bytes from facedb.outcomes_now();

-- name: know_sizes
-- The planner has to know how small they are.
analyze facedb.dataset_contract, facedb.shared_photo, facedb.outcome_count, facedb.uncounted;
