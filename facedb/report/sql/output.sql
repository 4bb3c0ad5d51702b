-- name: links
-- Links of a scan, strongest first; those that a person called different only with new images, or when all are asked for.
-- (Composed, as all of these: the columns.)
select {columns}
from bi.links
where scan_id = %(scan_id)s
  and (%(min_score)s::real is null or max_score >= %(min_score)s)
  and (%(dataset)s::text is null or %(dataset)s in (dataset_a, dataset_b))
  and (%(rejected)s or verdict is distinct from 'different' or new_images > 0)
order by rank
limit %(limit)s;

-- name: pairs
-- Flagged pairs of a scan, highest score first; without those of which a face is gone, or its label where the scan goes by labels.
select {columns}
from bi.flagged_pairs
where scan_id = %(scan_id)s
  and case when (select scope ? 'unlabelled' from facedb.scan where id = %(scan_id)s)
      then path_a is not null and path_b is not null
      else identity_a is not null and identity_b is not null
  end
  and (%(min_score)s::real is null or score >= %(min_score)s)
  and (%(dataset)s::text is null or %(dataset)s in (dataset_a, dataset_b))
order by score desc, face_a, face_b
limit %(limit)s;

-- name: rejects
-- Inputs that are not faces, and why.
select {columns} from bi.rejects
where (%(dataset)s::text is null or dataset = %(dataset)s)
  and (%(code)s::text is null or code = %(code)s)
  and (%(ignored)s or outcome <> 'ignored')
order by dataset, path, model nulls first
limit %(limit)s;

-- name: datasets
-- Every dataset with the outcome of its files under the contract that embedded it last; the counts add up to files.
select {columns} from bi.datasets order by dataset;

-- name: identities
-- Identities by dataset and name.
select {columns} from bi.identities where %(dataset)s::text is null or dataset = %(dataset)s
order by dataset, identity limit %(limit)s;

-- name: scans
-- Every scan, newest first.
select {columns}
from bi.scans order by scan_id desc;

-- name: faces
-- The faces of photos that show several, with what each was to a scan.
select {columns}
from (
    select n.name as identity, i.path, r.role, r.faces, r.fit, a.name as also_shows, r.also_score, f.box, f.ordinal
    from facedb.scan_face r
    join facedb.face f on f.id = r.face_id
    join facedb.image i on i.id = f.image_id
    left join facedb.identity n on n.id = i.identity_id
    left join facedb.identity a on a.id = r.also_identity
    where r.scan_id = %(scan_id)s and (%(role)s::text is null or r.role = %(role)s)
) photo_face
order by identity, path, ordinal
limit %(limit)s;
