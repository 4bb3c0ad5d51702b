-- name: links
-- Links of a scan, strongest first; those that a person called different only with new images, or when all are asked for.
select rank, identity_a, identity_b, pairs, faces_a, faces_b, size_a, size_b, coverage_a, coverage_b, max_score, mean_score,
       median_score, centroid_score, dataset_a, dataset_b
from bi.links
where scan_id = %(scan_id)s
  and (%(min_score)s::real is null or max_score >= %(min_score)s)
  and (%(dataset)s::text is null or %(dataset)s in (dataset_a, dataset_b))
  and (%(rejected)s or verdict is distinct from 'different' or new_images > 0)
order by rank
limit %(limit)s;

-- name: pairs
-- Flagged pairs of a scan, highest score first.
select identity_a, path_a, identity_b, path_b, score, dataset_a, dataset_b
from bi.flagged_pairs
where scan_id = %(scan_id)s
  and (%(min_score)s::real is null or score >= %(min_score)s)
  and (%(dataset)s::text is null or %(dataset)s in (dataset_a, dataset_b))
order by score desc, face_a, face_b
limit %(limit)s;

-- name: example_pairs
-- The best pair of each of the first links that a list of links shows; nulls where its faces carry other labels by now.
select l.rank, p.path_a, p.path_b, p.identity_a, p.identity_b
from (
    select * from bi.links where scan_id = %(scan_id)s and (verdict is distinct from 'different' or new_images > 0)
    order by rank limit %(limit)s
) l
left join lateral (
    select ia.path as path_a, ib.path as path_b, ia.identity_id as identity_a, ib.identity_id as identity_b
    from facedb.flagged_pair p
    join facedb.face fa on fa.id = p.face_a join facedb.image ia on ia.id = fa.image_id
    join facedb.face fb on fb.id = p.face_b join facedb.image ib on ib.id = fb.image_id
    where p.scan_id = %(scan_id)s
      and least(ia.identity_id, ib.identity_id) = l.identity_a_id and greatest(ia.identity_id, ib.identity_id) = l.identity_b_id
    order by p.score desc, p.face_a, p.face_b limit 1
) p on true
order by l.rank;

-- name: rejects
-- Inputs that are not faces, and why.
select dataset, identity, path, outcome, code, detail, model from bi.rejects
where (%(dataset)s::text is null or dataset = %(dataset)s)
  and (%(code)s::text is null or code = %(code)s)
  and (%(ignored)s or outcome <> 'ignored')
order by dataset, path, model nulls first
limit %(limit)s;

-- name: datasets
-- Every dataset with the outcome of its files under the contract that embedded it last; the counts add up to files.
with used as (
    select s.dataset_id, e.model_id, max(e.id) as newest, count(*) filter (where i.status = 'ready') as faces
    from facedb.embedding e join facedb.face f on f.id = e.face_id
    join facedb.image i on i.id = f.image_id join facedb.source s on s.id = i.source_id
    group by 1, 2
    union all
    -- A contract that could make nothing of a dataset has looked at it all the same.
    select s.dataset_id, r.model_id, 0, 0
    from facedb.embed_reject r join facedb.image i on i.id = r.image_id join facedb.source s on s.id = i.source_id
    group by 1, 2
), model as (
    select distinct on (dataset_id) dataset_id, model_id as id, faces from used
    order by dataset_id, newest desc, model_id desc
), files as (
    select s.dataset_id, i.id, i.status, i.identity_id,
           exists (select from facedb.face f join facedb.embedding e on e.face_id = f.id and e.model_id = m.id
                   where f.image_id = i.id) as embedded,
           exists (select from facedb.embed_reject r where r.image_id = i.id and r.model_id = m.id) as refused
    from facedb.image i join facedb.source s on s.id = i.source_id left join model m on m.dataset_id = s.dataset_id
)
select d.name,
       count(f.id) as files,
       count(*) filter (where f.status = 'ready' and f.embedded) as embedded,
       coalesce((select m.faces from model m where m.dataset_id = d.id), 0) as faces,
       count(*) filter (where f.status = 'rejected' or (f.status = 'ready' and not f.embedded and f.refused)) as rejected,
       count(*) filter (where f.status = 'ignored') as ignored,
       count(*) filter (where f.status = 'vanished') as vanished,
       count(*) filter (where f.status = 'ready' and not f.embedded and not f.refused) as pending,
       count(distinct f.identity_id) filter (where f.status = 'ready') as identities,
       (select string_agg(s.location, ', ' order by s.id) from facedb.source s where s.dataset_id = d.id) as location
from facedb.dataset d left join files f on f.dataset_id = d.id
group by d.id order by d.name;

-- name: scans
-- Every scan, newest first.
select scan_id, model, status, threshold, faces, new_faces, identities, comparisons, pairs, links, engine, started_at
from bi.scans order by scan_id desc;

-- name: faces
-- The faces of photos that show several, with what each was to a scan.
select n.name, i.path, r.role, r.faces, round(r.fit::numeric, 4)::float8, a.name, round(r.also_score::numeric, 4)::float8, f.box
from facedb.scan_face r
join facedb.face f on f.id = r.face_id
join facedb.image i on i.id = f.image_id
left join facedb.identity n on n.id = i.identity_id
left join facedb.identity a on a.id = r.also_identity
where r.scan_id = %(scan_id)s
  and (%(role)s::text is null or r.role = %(role)s)
order by n.name, i.path, f.ordinal
limit %(limit)s;
