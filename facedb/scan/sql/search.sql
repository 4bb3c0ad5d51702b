-- name: nearest
-- The k-th best float32 score of a face that is there decides how far the exact rescoring has to look; hidden people and other datasets
-- are left out, here as below. (Composed: partition and column.)
select -({column} <#> {query}) as score
from {embedding} e join facedb.face f on f.id = e.face_id join facedb.image i on i.id = f.image_id and i.status = 'ready'
where not exists (select from facedb.hidden_identity h where h.identity_id = i.identity_id)
  and (%(datasets)s::integer[] is null or i.source_id in (select id from facedb.source where dataset_id = any(%(datasets)s)))
order by {column} <#> {query} limit {limit}

-- name: candidates
-- Everything that may be among the best, with its vector. (Composed: partition and column.)
select e.face_id, e.vec
from {embedding} e join facedb.face f on f.id = e.face_id join facedb.image i on i.id = f.image_id and i.status = 'ready'
where not exists (select from facedb.hidden_identity h where h.identity_id = i.identity_id)
  and (%(datasets)s::integer[] is null or i.source_id in (select id from facedb.source where dataset_id = any(%(datasets)s)))
  and -({column} <#> {query}) >= {floor} order by {column} <#> {query} limit {limit}

-- name: approximate
-- The best that the HNSW index finds. (Composed: partition and column.)
select e.face_id, e.vec
from {embedding} e join facedb.face f on f.id = e.face_id join facedb.image i on i.id = f.image_id and i.status = 'ready'
where not exists (select from facedb.hidden_identity h where h.identity_id = i.identity_id)
  and (%(datasets)s::integer[] is null or i.source_id in (select id from facedb.source where dataset_id = any(%(datasets)s)))
order by {column} <#> {query} limit {limit}

-- name: faces_found
-- Who the found faces are: of bystanders the label says nothing, and nobody learns that one is somebody who was hidden from review.
select face_id, dataset, case when role is distinct from 'bystander' then identity end, path, ordinal, role,
       case when not exists (select from facedb.hidden_identity h where h.identity_id = also_identity_id) then also_shows end
from bi.faces where model_id = %(model_id)s and face_id = any(%(faces)s) and file_status = 'ready';

-- name: hidden_people
-- How many people were hidden from review.
select count(*) from facedb.hidden_identity;
