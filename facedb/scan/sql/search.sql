-- name: nearest
-- The k-th best float32 score of a face that is there decides how far the exact rescoring has to look. (Composed: partition and column.)
select -({column} <#> {query}) as score
from {embedding} e join facedb.face f on f.id = e.face_id join facedb.image i on i.id = f.image_id and i.status = 'ready'
order by {column} <#> {query} limit {limit}

-- name: candidates
-- Everything that may be among the best, with its vector. (Composed: partition and column.)
select e.face_id, e.vec
from {embedding} e join facedb.face f on f.id = e.face_id join facedb.image i on i.id = f.image_id and i.status = 'ready'
where -({column} <#> {query}) >= {floor} order by {column} <#> {query} limit {limit}

-- name: approximate
-- The best that the HNSW index finds. (Composed: partition and column.)
select e.face_id, e.vec
from {embedding} e join facedb.face f on f.id = e.face_id join facedb.image i on i.id = f.image_id and i.status = 'ready'
order by {column} <#> {query} limit {limit}

-- name: faces_found
-- Who the found faces are.
select f.id, d.name, n.name, i.path, f.ordinal
from facedb.face f
join facedb.image i on i.id = f.image_id
join facedb.source s on s.id = i.source_id
join facedb.dataset d on d.id = s.dataset_id
left join facedb.identity n on n.id = i.identity_id
where f.id = any(%(faces)s) and i.status = 'ready';
