-- One row per file with what became of it under the contract that embedded its dataset last.
create view bi.files as
select d.name as dataset, s.location as source, n.name as identity, i.path, i.status as file_status, m.name as model,
       case
           when i.status <> 'ready' then i.status
           when e.image_id is not null then 'embedded'
           when r.code is not null then 'rejected'
           else 'pending'
       end as outcome,
       case when i.status <> 'ready' then i.reject_code when e.image_id is null then r.code end as code,
       case when i.status <> 'ready' then i.reject_detail when e.image_id is null then r.detail end as detail,
       i.bytes, i.width, i.height, i.format, encode(i.sha256, 'hex') as sha256, i.first_seen_at, i.id as image_id, c.model_id
from facedb.image i
left join facedb.source s on s.id = i.source_id
left join facedb.dataset d on d.id = s.dataset_id
left join facedb.identity n on n.id = i.identity_id
left join bi.contracts c on c.dataset_id = s.dataset_id and c.is_current
left join facedb.model m on m.id = c.model_id
left join (
    select f.image_id, e.model_id from facedb.embedding e join facedb.face f on f.id = e.face_id group by 1, 2
) e on e.image_id = i.id and e.model_id = c.model_id
left join facedb.embed_reject r on r.image_id = i.id and r.model_id = c.model_id;
comment on view bi.files is 'Every file once, and what became of it under the contract that embedded its dataset last; bi.outcomes has every contract.';
comment on column bi.files.dataset is 'Dataset.';
comment on column bi.files.source is 'Where it came from.';
comment on column bi.files.identity is 'Label.';
comment on column bi.files.path is 'Path below the root of the source.';
comment on column bi.files.file_status is 'ready, ignored, rejected or vanished, before any model looked.';
comment on column bi.files.model is 'The contract that embedded the dataset last; null while none has.';
comment on column bi.files.outcome is 'embedded, rejected, ignored, vanished or pending under that contract.';
comment on column bi.files.code is 'Reject or ignore code.';
comment on column bi.files.detail is 'The same in a sentence.';
comment on column bi.files.bytes is 'Size in bytes.';
comment on column bi.files.width is 'Pixels.';
comment on column bi.files.height is 'Pixels.';
comment on column bi.files.format is 'Image format.';
comment on column bi.files.sha256 is 'SHA-256 of the bytes, hexadecimal.';
comment on column bi.files.first_seen_at is 'When it was first ingested.';
comment on column bi.files.image_id is 'Key of the image.';
comment on column bi.files.model_id is 'Key of the contract.';

-- Rejects of both kinds: before any model looked, and under a contract.
create view bi.rejects as
select d.name as dataset, n.name as identity, i.path, null::text as model, i.status as outcome, i.reject_code as code,
       i.reject_detail as detail, i.id as image_id
from facedb.image i
join facedb.source s on s.id = i.source_id
join facedb.dataset d on d.id = s.dataset_id
left join facedb.identity n on n.id = i.identity_id
where i.status in ('ignored', 'rejected')
union all
select d.name, n.name, i.path, m.name, 'rejected', r.code, r.detail, i.id
from facedb.embed_reject r
join facedb.image i on i.id = r.image_id and i.status = 'ready'
join facedb.model m on m.id = r.model_id
join facedb.source s on s.id = i.source_id
join facedb.dataset d on d.id = s.dataset_id
left join facedb.identity n on n.id = i.identity_id;
comment on view bi.rejects is 'Every input that is not an embedded face, and why.';
comment on column bi.rejects.dataset is 'Dataset.';
comment on column bi.rejects.identity is 'Label.';
comment on column bi.rejects.path is 'Path below the root of the source.';
comment on column bi.rejects.model is 'The contract under which it was rejected; null when before any model looked.';
comment on column bi.rejects.outcome is 'ignored or rejected.';
comment on column bi.rejects.code is 'Stable code.';
comment on column bi.rejects.detail is 'The same in a sentence.';
comment on column bi.rejects.image_id is 'Key of the image.';

create view bi.faces as
select d.name as dataset, n.name as identity, i.path, f.ordinal, m.name as model, f.box, f.landmarks, f.detector_score,
       f.size_px, f.sharpness, e.norm, e.face_id, i.id as image_id, e.model_id,
       f.box[1] as box_x, f.box[2] as box_y, f.box[3] as box_width, f.box[4] as box_height, i.status as file_status,
       i.identity_id, p.scan_id, p.role, p.faces as faces_in_photo, p.fit, a.name as also_shows, p.also_score,
       p.also_identity as also_identity_id
from facedb.embedding e
left join facedb.model m on m.id = e.model_id
left join facedb.face f on f.id = e.face_id
left join facedb.image i on i.id = f.image_id
left join facedb.source s on s.id = i.source_id
left join facedb.dataset d on d.id = s.dataset_id
left join facedb.identity n on n.id = i.identity_id
left join lateral (
    select r.scan_id, r.role, r.faces, r.fit, r.also_identity, r.also_score
    from facedb.scan_face r join facedb.scan c on c.id = r.scan_id
    where r.face_id = e.face_id and c.model_id = e.model_id and c.status = 'finished'
    order by r.scan_id desc limit 1
) p on true
left join facedb.identity a on a.id = p.also_identity;
comment on view bi.faces is 'Every embedded face and its measurements, once per contract.';
comment on column bi.faces.dataset is 'Dataset.';
comment on column bi.faces.identity is 'Label.';
comment on column bi.faces.path is 'Path of its image below the root of the source.';
comment on column bi.faces.ordinal is 'Its number within the image.';
comment on column bi.faces.model is 'Model contract.';
comment on column bi.faces.box is 'x, y, w, h in pixels.';
comment on column bi.faces.landmarks is 'Five points x, y.';
comment on column bi.faces.detector_score is 'Confidence of the detector.';
comment on column bi.faces.size_px is 'Shorter side of the box in pixels.';
comment on column bi.faces.sharpness is 'Share of the local contrast of the face that is fine detail, in per cent, 0: blurred; null: not measured.';
comment on column bi.faces.norm is 'Length of the vector before normalisation.';
comment on column bi.faces.face_id is 'Key of the face.';
comment on column bi.faces.image_id is 'Key of the image.';
comment on column bi.faces.model_id is 'Key of the contract.';
comment on column bi.faces.box_x is 'Left edge of the box in pixels; null when the image is the face.';
comment on column bi.faces.box_y is 'Its upper edge.';
comment on column bi.faces.box_width is 'Its width.';
comment on column bi.faces.box_height is 'Its height.';
comment on column bi.faces.file_status is 'Status of its image: ready, or vanished.';
comment on column bi.faces.identity_id is 'Key of the label.';
comment on column bi.faces.scan_id is 'The newest finished scan that chose among several faces of the photo; null where there was nothing to choose.';
comment on column bi.faces.role is 'part: it stood for its photo; none fits: it did, although no face of the photo fits the folder; bystander: another person in the photo; again: the same face a second time; null where there was nothing to choose.';
comment on column bi.faces.faces_in_photo is 'Faces in the photo, if there is more than one.';
comment on column bi.faces.fit is 'Mean score to the core of its folder, without its own photo.';
comment on column bi.faces.also_shows is 'The other identity that a bystander is.';
comment on column bi.faces.also_identity_id is 'Key of that identity.';
comment on column bi.faces.also_score is 'Mean score of the bystander to that identity.';

-- Which datasets a scan covers, in twos, and whether it is the newest finished one that covers them both.
create view bi.scan_coverage as
select s.id as scan_id, da.name as dataset_a, db.name as dataset_b,
       s.id = max(s.id) filter (where s.status = 'finished') over (partition by s.model_id, a.dataset_id, b.dataset_id) as is_latest,
       s.id = max(s.id) filter (where s.status = 'finished') over (partition by a.dataset_id, b.dataset_id) as is_newest,
       a.dataset_id as dataset_a_id, b.dataset_id as dataset_b_id, s.model_id
from facedb.scan s
join facedb.scan_dataset a on a.scan_id = s.id
join facedb.scan_dataset b on b.scan_id = s.id and b.dataset_id >= a.dataset_id
join facedb.dataset da on da.id = a.dataset_id
join facedb.dataset db on db.id = b.dataset_id;
comment on view bi.scan_coverage is 'The pairs of datasets (also each with itself) that a scan compared.';
comment on column bi.scan_coverage.scan_id is 'Key of the scan.';
comment on column bi.scan_coverage.dataset_a is 'One dataset.';
comment on column bi.scan_coverage.dataset_b is 'The same or another one.';
comment on column bi.scan_coverage.is_latest is 'Whether it is the newest finished scan of the two under its contract.';
comment on column bi.scan_coverage.is_newest is 'Whether it is the newest finished scan of the two under any contract.';
comment on column bi.scan_coverage.dataset_a_id is 'Key of the dataset with the smaller key.';
comment on column bi.scan_coverage.dataset_b_id is 'Key of the other.';
comment on column bi.scan_coverage.model_id is 'Key of the contract.';

create view bi.scans as
select s.id as scan_id, m.name as model, s.status, s.threshold, s.scope, s.engine, s.base_scan_id, s.faces, s.new_faces,
       s.identities, s.comparisons, s.pairs, s.links, s.join_seconds, s.started_at, s.finished_at,
       coalesce(c.any_latest, false) as is_latest, c.dataset, coalesce(c.any_newest, false) as is_newest,
       coalesce(c.all_latest, false) as is_latest_of_all, coalesce(c.all_newest, false) as is_newest_of_all, s.model_id
from facedb.scan s
left join facedb.model m on m.id = s.model_id
left join (
    select scan_id, bool_or(is_latest) as any_latest, bool_and(is_latest) as all_latest, bool_or(is_newest) as any_newest,
           bool_and(is_newest) as all_newest, string_agg(dataset_a, ', ' order by dataset_a) filter (where dataset_a_id = dataset_b_id) as dataset
    from bi.scan_coverage group by scan_id
) c on c.scan_id = s.id;
comment on view bi.scans is 'Every scan with its parameters and counts.';
comment on column bi.scans.scan_id is 'Key of the scan.';
comment on column bi.scans.model is 'Model contract.';
comment on column bi.scans.status is 'running, finished or abandoned.';
comment on column bi.scans.threshold is 'Pairs at or above it are flagged.';
comment on column bi.scans.scope is 'Datasets and filters.';
comment on column bi.scans.engine is 'The engine that searched last.';
comment on column bi.scans.base_scan_id is 'The scan it built on.';
comment on column bi.scans.faces is 'Faces in the gallery.';
comment on column bi.scans.new_faces is 'Faces that were searched.';
comment on column bi.scans.identities is 'Identities in the gallery.';
comment on column bi.scans.comparisons is 'Pairs of faces compared.';
comment on column bi.scans.pairs is 'Flagged pairs.';
comment on column bi.scans.links is 'Links.';
comment on column bi.scans.join_seconds is 'Seconds in the join alone.';
comment on column bi.scans.started_at is 'When it was started.';
comment on column bi.scans.finished_at is 'When it was finished.';
comment on column bi.scans.is_latest is 'Whether it is the newest finished scan of a dataset, or of two datasets, under its contract.';
comment on column bi.scans.dataset is 'The datasets it compared, in the order of their names.';
comment on column bi.scans.is_newest is 'The same under any contract: what the commands show by default.';
comment on column bi.scans.is_latest_of_all is 'Whether it is the newest under its contract for each of its datasets and each pair of them.';
comment on column bi.scans.is_newest_of_all is 'The same under any contract.';
comment on column bi.scans.model_id is 'Key of the contract.';

-- Outer joins, which the planner drops where a query asks for none of their columns: counting pairs reads only pairs. Only
-- where a later scan covers a part of the datasets does it look up of which datasets a pair is.
create view bi.flagged_pairs as
select na.name as identity_a, ia.path as path_a, nb.name as identity_b, ib.path as path_b, p.score,
       p.scan_id, da.name as dataset_a, db.name as dataset_b, p.face_a, p.face_b,
       case when da.name = db.name then da.name else least(da.name, db.name) || ', ' || greatest(da.name, db.name) end as dataset,
       case
           when s.is_latest_of_all then true
           when not s.is_latest then false
           else (
               p.scan_id,
               (select least(sa.dataset_id, sb.dataset_id)
                from facedb.face ca join facedb.image ja on ja.id = ca.image_id join facedb.source sa on sa.id = ja.source_id,
                     facedb.face cb join facedb.image jb on jb.id = cb.image_id join facedb.source sb on sb.id = jb.source_id
                where ca.id = p.face_a and cb.id = p.face_b),
               (select greatest(sa.dataset_id, sb.dataset_id)
                from facedb.face ca join facedb.image ja on ja.id = ca.image_id join facedb.source sa on sa.id = ja.source_id,
                     facedb.face cb join facedb.image jb on jb.id = cb.image_id join facedb.source sb on sb.id = jb.source_id
                where ca.id = p.face_a and cb.id = p.face_b)
           ) in (select c.scan_id, c.dataset_a_id, c.dataset_b_id from bi.scan_coverage c where c.is_latest)
       end as is_latest,
       case
           when s.is_newest_of_all then true
           when not s.is_newest then false
           else (
               p.scan_id,
               (select least(sa.dataset_id, sb.dataset_id)
                from facedb.face ca join facedb.image ja on ja.id = ca.image_id join facedb.source sa on sa.id = ja.source_id,
                     facedb.face cb join facedb.image jb on jb.id = cb.image_id join facedb.source sb on sb.id = jb.source_id
                where ca.id = p.face_a and cb.id = p.face_b),
               (select greatest(sa.dataset_id, sb.dataset_id)
                from facedb.face ca join facedb.image ja on ja.id = ca.image_id join facedb.source sa on sa.id = ja.source_id,
                     facedb.face cb join facedb.image jb on jb.id = cb.image_id join facedb.source sb on sb.id = jb.source_id
                where ca.id = p.face_a and cb.id = p.face_b)
           ) in (select c.scan_id, c.dataset_a_id, c.dataset_b_id from bi.scan_coverage c where c.is_newest)
       end as is_newest,
       na.id as identity_a_id, nb.id as identity_b_id, ia.id as image_a_id, ib.id as image_b_id
from facedb.flagged_pair p
left join bi.scans s on s.scan_id = p.scan_id
left join facedb.face fa on fa.id = p.face_a
left join facedb.image ia on ia.id = fa.image_id
left join facedb.identity na on na.id = ia.identity_id
left join facedb.source sa on sa.id = ia.source_id
left join facedb.dataset da on da.id = sa.dataset_id
left join facedb.face fb on fb.id = p.face_b
left join facedb.image ib on ib.id = fb.image_id
left join facedb.identity nb on nb.id = ib.identity_id
left join facedb.source sb on sb.id = ib.source_id
left join facedb.dataset db on db.id = sb.dataset_id;
comment on view bi.flagged_pairs is 'Flagged pairs of every scan, with the current labels and paths of the faces; null where a face is gone.';
comment on column bi.flagged_pairs.identity_a is 'Label of the first face.';
comment on column bi.flagged_pairs.path_a is 'Path of the first face.';
comment on column bi.flagged_pairs.identity_b is 'Label of the second face.';
comment on column bi.flagged_pairs.path_b is 'Path of the second face.';
comment on column bi.flagged_pairs.score is 'Cosine similarity.';
comment on column bi.flagged_pairs.scan_id is 'Key of the scan.';
comment on column bi.flagged_pairs.dataset_a is 'Dataset of the first face.';
comment on column bi.flagged_pairs.dataset_b is 'Dataset of the second face.';
comment on column bi.flagged_pairs.face_a is 'Key of the first face.';
comment on column bi.flagged_pairs.face_b is 'Key of the second face.';
comment on column bi.flagged_pairs.dataset is 'The dataset of both, or both datasets.';
comment on column bi.flagged_pairs.is_latest is 'Whether its scan is the newest finished one of these datasets under its contract.';
comment on column bi.flagged_pairs.is_newest is 'The same under any contract.';
comment on column bi.flagged_pairs.identity_a_id is 'Key of the label of the first face.';
comment on column bi.flagged_pairs.identity_b_id is 'Key of the label of the second face.';
comment on column bi.flagged_pairs.image_a_id is 'Key of the image of the first face.';
comment on column bi.flagged_pairs.image_b_id is 'Key of the image of the second face.';

create view bi.links as
select l.rank, na.name as identity_a, nb.name as identity_b, l.pairs, l.faces_a, l.faces_b, l.size_a, l.size_b,
       (l.faces_a::double precision / l.size_a)::real as coverage_a, (l.faces_b::double precision / l.size_b)::real as coverage_b,
       l.max_score, l.mean_score, l.median_score, l.centroid_score,
       l.scan_id, da.name as dataset_a, db.name as dataset_b, l.identity_a as identity_a_id, l.identity_b as identity_b_id,
       v.verdict, v.said_by as verdict_by, v.said_at as verdict_at,
       -- From one identity's faces along the primary key of the scan's pairs, both ways round: cheap for the few links with a verdict.
       case when v.id is not null then (
           select count(distinct i.id)
           from (
               select fa.image_id as one, fb.image_id as other
               from facedb.image ia
               join facedb.face fa on fa.image_id = ia.id
               join facedb.flagged_pair p on p.scan_id = l.scan_id and p.face_a = fa.id
               join facedb.face fb on fb.id = p.face_b
               join facedb.image ib on ib.id = fb.image_id
               where (ia.identity_id, ib.identity_id) in ((l.identity_a, l.identity_b), (l.identity_b, l.identity_a))
                 and ia.identity_id in (l.identity_a, l.identity_b)
           ) pairs
           join facedb.image i on i.id in (pairs.one, pairs.other)
           where ('x' || encode(substr(i.sha256, 1, 8), 'hex'))::bit(64)::bigint <> all (v.known_images)
       ) end as new_images,
       case when da.id = db.id then da.name else least(da.name, db.name) || ', ' || greatest(da.name, db.name) end as dataset,
       m.name as model, coalesce(c.is_latest, false) as is_latest, coalesce(c.is_newest, false) as is_newest, v.note as verdict_note
from facedb.link l
join facedb.scan s on s.id = l.scan_id and s.status = 'finished'
join facedb.model m on m.id = s.model_id
join facedb.identity na on na.id = l.identity_a
join facedb.dataset da on da.id = na.dataset_id
join facedb.identity nb on nb.id = l.identity_b
join facedb.dataset db on db.id = nb.dataset_id
left join bi.scan_coverage c
    on c.scan_id = l.scan_id and c.dataset_a_id = least(da.id, db.id) and c.dataset_b_id = greatest(da.id, db.id)
left join lateral (
    select d.id, d.verdict, d.said_by, d.said_at, d.known_images, d.note from facedb.verdict d
    where d.kind = 'link' and d.identity_a = l.identity_a and d.identity_b = l.identity_b
    order by d.id desc limit 1
) v on v.verdict <> 'withdrawn';
comment on view bi.links is 'Links of every finished scan, strongest first by rank.';
comment on column bi.links.rank is '1 is the strongest of its scan.';
comment on column bi.links.identity_a is 'One identity.';
comment on column bi.links.identity_b is 'The other.';
comment on column bi.links.pairs is 'Flagged pairs between them.';
comment on column bi.links.faces_a is 'Faces of a in those pairs.';
comment on column bi.links.faces_b is 'Faces of b in those pairs.';
comment on column bi.links.size_a is 'Faces of a in the gallery.';
comment on column bi.links.size_b is 'Faces of b in the gallery.';
comment on column bi.links.coverage_a is 'faces_a / size_a.';
comment on column bi.links.coverage_b is 'faces_b / size_b.';
comment on column bi.links.max_score is 'Highest score.';
comment on column bi.links.mean_score is 'Mean score of the flagged pairs.';
comment on column bi.links.median_score is 'Median score of the flagged pairs.';
comment on column bi.links.centroid_score is 'Cosine of the mean vectors.';
comment on column bi.links.scan_id is 'Key of the scan.';
comment on column bi.links.dataset_a is 'Dataset of a.';
comment on column bi.links.dataset_b is 'Dataset of b.';
comment on column bi.links.identity_a_id is 'Key of a.';
comment on column bi.links.identity_b_id is 'Key of b.';
comment on column bi.links.verdict is 'What a person said last about the two: same, different or unsure; null if nobody said anything.';
comment on column bi.links.verdict_by is 'Who said it.';
comment on column bi.links.verdict_at is 'When.';
comment on column bi.links.new_images is 'Images in the flagged pairs that neither identity had when that was said; null without a verdict.';
comment on column bi.links.dataset is 'The dataset of both, or both datasets.';
comment on column bi.links.model is 'Model contract.';
comment on column bi.links.is_latest is 'Whether its scan is the newest finished one of these datasets under its contract.';
comment on column bi.links.is_newest is 'The same under any contract.';
comment on column bi.links.verdict_note is 'What else the person said.';
