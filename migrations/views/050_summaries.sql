-- One row per dataset: its files by outcome under its contract, and what its newest scan says.
create view bi.datasets as
select d.name as dataset, m.name as model, coalesce(o.files, 0)::bigint as files, coalesce(o.embedded, 0)::bigint as embedded,
       coalesce(o.faces, 0)::bigint as faces, coalesce(o.rejected, 0)::bigint as rejected, coalesce(o.ignored, 0)::bigint as ignored,
       coalesce(o.vanished, 0)::bigint as vanished, coalesce(o.pending, 0)::bigint as pending,
       coalesce(o.identities, 0)::bigint as identities, coalesce(o.bytes, 0)::bigint as bytes,
       (select string_agg(s.location, ', ' order by s.id) from facedb.source s where s.dataset_id = d.id) as location,
       n.scan_id as newest_scan_id, d.created_at, d.id as dataset_id, c.model_id
from facedb.dataset d
left join bi.contracts c on c.dataset_id = d.id and c.is_current
left join facedb.model m on m.id = c.model_id
left join (
    select dataset_id, sum(files) as files, sum(files) filter (where outcome = 'embedded') as embedded, sum(faces) as faces,
           sum(files) filter (where outcome = 'rejected') as rejected, sum(files) filter (where outcome = 'ignored') as ignored,
           sum(files) filter (where outcome = 'vanished') as vanished, sum(files) filter (where outcome = 'pending') as pending,
           count(distinct identity_id) filter (where is_present) as identities, sum(bytes) as bytes
    from bi.outcome_counts where is_current group by dataset_id
) o on o.dataset_id = d.id
left join bi.scan_coverage n on n.dataset_a_id = d.id and n.dataset_b_id = d.id and n.is_newest;
comment on view bi.datasets is 'Every dataset with the outcome of its files under the contract that embedded it last: the outcomes add up to files.';
comment on column bi.datasets.dataset is 'Dataset.';
comment on column bi.datasets.model is 'The contract that embedded it last; null while none has.';
comment on column bi.datasets.files is 'Files that were ever seen.';
comment on column bi.datasets.embedded is 'Files with an embedded face.';
comment on column bi.datasets.faces is 'Embedded faces in present files.';
comment on column bi.datasets.rejected is 'Files that should have become faces and did not.';
comment on column bi.datasets.ignored is 'Files that were never meant to.';
comment on column bi.datasets.vanished is 'Files that were gone when last looked.';
comment on column bi.datasets.pending is 'Files that no model has looked at yet.';
comment on column bi.datasets.identities is 'Identities with a present image.';
comment on column bi.datasets.bytes is 'Size of the files in bytes.';
comment on column bi.datasets.location is 'Where the files are.';
comment on column bi.datasets.newest_scan_id is 'Its newest finished scan.';
comment on column bi.datasets.created_at is 'When it was first ingested.';
comment on column bi.datasets.dataset_id is 'Key of the dataset.';
comment on column bi.datasets.model_id is 'Key of the contract.';

-- One row per file, without any contract.
create view bi.images as
select d.name as dataset, n.name as identity, i.path, i.status, i.reject_code as code, i.bytes, i.width, i.height, i.format,
       encode(i.sha256, 'hex') as sha256, i.phash, i.labelled_by, i.container, s.location as source, s.root || '/' || i.path as full_path,
       i.first_seen_at, i.id as image_id, i.identity_id, s.dataset_id
from facedb.image i
left join facedb.source s on s.id = i.source_id
left join facedb.dataset d on d.id = s.dataset_id
left join facedb.identity n on n.id = i.identity_id;
comment on view bi.images is 'Every file once: where it is, what it is, how it is labelled.';
comment on column bi.images.dataset is 'Dataset.';
comment on column bi.images.identity is 'Label.';
comment on column bi.images.path is 'Path below the root of the source.';
comment on column bi.images.status is 'ready, ignored, rejected or vanished, before any model looked.';
comment on column bi.images.code is 'Why it is ignored or rejected.';
comment on column bi.images.bytes is 'Size in bytes.';
comment on column bi.images.width is 'Pixels.';
comment on column bi.images.height is 'Pixels.';
comment on column bi.images.format is 'Image format.';
comment on column bi.images.sha256 is 'SHA-256 of the bytes, hexadecimal.';
comment on column bi.images.phash is '64-bit perceptual hash.';
comment on column bi.images.labelled_by is 'source: the label follows the folder; person: a person set it.';
comment on column bi.images.container is 'The .rec or .tar file that holds it.';
comment on column bi.images.source is 'Where it came from.';
comment on column bi.images.full_path is 'Root and path.';
comment on column bi.images.first_seen_at is 'When it was first ingested.';
comment on column bi.images.image_id is 'Key of the image.';
comment on column bi.images.identity_id is 'Key of the label.';
comment on column bi.images.dataset_id is 'Key of the dataset.';

-- One row per identity.
create view bi.identities as
select d.name as dataset, n.name as identity, coalesce(o.images, 0)::bigint as images, coalesce(o.faces, 0)::bigint as faces,
       coalesce(l.links, 0)::bigint as links, coalesce(f.findings, 0)::bigint as findings, f.confidence, coalesce(o.bytes, 0)::bigint as bytes,
       n.created_at, n.id as identity_id, n.dataset_id
from facedb.identity n
join facedb.dataset d on d.id = n.dataset_id
left join (
    select identity_id, sum(files) filter (where is_present) as images, sum(faces) as faces,
           sum(bytes) as bytes
    from bi.outcome_counts where is_current group by identity_id
) o on o.identity_id = n.id
left join (
    select e.identity_id, count(*) as links
    from facedb.link k
    join facedb.identity a on a.id = k.identity_a join facedb.identity b on b.id = k.identity_b
    join bi.scan_coverage c on c.scan_id = k.scan_id and c.is_newest and c.dataset_a_id = least(a.dataset_id, b.dataset_id)
         and c.dataset_b_id = greatest(a.dataset_id, b.dataset_id)
    cross join lateral (values (k.identity_a), (k.identity_b)) e (identity_id)
    group by e.identity_id
) l on l.identity_id = n.id
left join (
    select e.identity_id, count(*) as findings, max(k.confidence) as confidence
    from bi.findings k
    -- The next best of an unlabelled photo is not what is said of it.
    cross join lateral (values (k.identity_a_id), (case when k.told_class <> 'unlabelled' then k.identity_b_id end)) e (identity_id)
    where k.is_newest and e.identity_id is not null
    group by e.identity_id
) f on f.identity_id = n.id;
comment on view bi.identities is 'Every identity with its images and faces, and what the newest scan of its dataset says of it.';
comment on column bi.identities.dataset is 'Dataset.';
comment on column bi.identities.identity is 'The label.';
comment on column bi.identities.images is 'Present images under it.';
comment on column bi.identities.faces is 'Embedded faces under the contract of the dataset.';
comment on column bi.identities.links is 'Links with other identities in the newest scan.';
comment on column bi.identities.findings is 'Findings that name it in the newest scan.';
comment on column bi.identities.confidence is 'The highest confidence of those findings.';
comment on column bi.identities.bytes is 'Size of its files in bytes.';
comment on column bi.identities.created_at is 'When it was first seen.';
comment on column bi.identities.identity_id is 'Key of the identity.';
comment on column bi.identities.dataset_id is 'Key of the dataset.';

-- One row per contract.
create view bi.models as
select m.name as model, left(m.digest, 12) as digest, m.dim, coalesce(c.faces, 0)::bigint as faces, c.datasets,
       m.contract ->> 'precision' as precision, m.weights_path, m.detector_path, m.created_at, m.id as model_id
from facedb.model m
left join (
    select model_id, sum(faces) as faces, string_agg(dataset, ', ' order by dataset) as datasets from bi.contracts group by model_id
) c on c.model_id = m.id;
comment on view bi.models is 'Every model contract.';
comment on column bi.models.model is 'Its name.';
comment on column bi.models.digest is 'The first twelve digits of the SHA-256 of the contract.';
comment on column bi.models.dim is 'Length of its vectors.';
comment on column bi.models.faces is 'Faces of present images embedded under it.';
comment on column bi.models.datasets is 'The datasets it has looked at.';
comment on column bi.models.precision is 'Arithmetic of the model.';
comment on column bi.models.weights_path is 'Where the weights were when last used.';
comment on column bi.models.detector_path is 'Where the detector was when last used.';
comment on column bi.models.created_at is 'When it was first used.';
comment on column bi.models.model_id is 'Key of the contract.';

-- What every scan made of each of its datasets, for lines over time.
create view bi.scan_history as
select d.name as dataset, m.name as model, s.id as scan_id, s.status, s.threshold, g.faces, g.identities,
       coalesce(k.links, 0)::bigint as links, coalesce(k.pairs, 0)::bigint as pairs, coalesce(f.findings, 0)::bigint as findings,
       coalesce(f.likely, 0)::bigint as likely, coalesce(f.certain, 0)::bigint as certain, coalesce(f.merges, 0)::bigint as merges,
       coalesce(f.strays, 0)::bigint as strays, coalesce(f.duplicates, 0)::bigint as duplicates, coalesce(f.mixed, 0)::bigint as mixed,
       coalesce(f.concerned, 0)::double precision / nullif(g.identities, 0) as noisy_share,
       s.engine, s.comparisons, s.join_seconds, s.started_at, s.finished_at,
       coalesce(c.is_latest, false) as is_latest, coalesce(c.is_newest, false) as is_newest, g.dataset_id, s.model_id
from facedb.scan s
join facedb.scan_dataset g on g.scan_id = s.id
join facedb.dataset d on d.id = g.dataset_id
join facedb.model m on m.id = s.model_id
left join bi.scan_coverage c on c.scan_id = s.id and c.dataset_a_id = g.dataset_id and c.dataset_b_id = g.dataset_id
left join (
    select l.scan_id, a.dataset_id, count(*) as links, sum(l.pairs) as pairs
    from facedb.link l
    join facedb.identity a on a.id = l.identity_a join facedb.identity b on b.id = l.identity_b and b.dataset_id = a.dataset_id
    group by 1, 2
) k on k.scan_id = s.id and k.dataset_id = g.dataset_id
left join (
    select l.scan_id, a.id as dataset_id, count(*) as findings, count(*) filter (where l.confidence >= 0.5) as likely,
           count(*) filter (where l.confidence >= 0.95) as certain,
           count(*) filter (where l.told_class = 'merge' and l.confidence >= 0.5) as merges,
           count(*) filter (where l.told_class = 'stray' and l.confidence >= 0.5) as strays,
           count(*) filter (where l.told_class = 'duplicate' and l.confidence >= 0.5) as duplicates,
           count(*) filter (where l.told_class = 'mixed' and l.confidence >= 0.5) as mixed,
           count(distinct l.identity_a_id) filter (where l.confidence >= 0.5 and l.told_class in ('merge', 'stray', 'mixed')) as concerned
    from bi.findings l join facedb.dataset a on a.name = l.dataset_a
    group by 1, 2
) f on f.scan_id = s.id and f.dataset_id = g.dataset_id;
comment on view bi.scan_history is 'Every scan once for each of its datasets, with what it found inside it: for lines over time.';
comment on column bi.scan_history.dataset is 'Dataset.';
comment on column bi.scan_history.model is 'Model contract.';
comment on column bi.scan_history.scan_id is 'Key of the scan.';
comment on column bi.scan_history.status is 'running, finished or abandoned.';
comment on column bi.scan_history.threshold is 'Pairs at or above it are flagged.';
comment on column bi.scan_history.faces is 'Faces of the dataset in the gallery.';
comment on column bi.scan_history.identities is 'Identities of the dataset in the gallery.';
comment on column bi.scan_history.links is 'Links within the dataset.';
comment on column bi.scan_history.pairs is 'Flagged pairs in them.';
comment on column bi.scan_history.findings is 'Findings that name an identity of the dataset first.';
comment on column bi.scan_history.likely is 'Those with a confidence of 0.5 or more.';
comment on column bi.scan_history.certain is 'Those with a confidence of 0.95 or more.';
comment on column bi.scan_history.merges is 'Likely merges.';
comment on column bi.scan_history.strays is 'Likely strays.';
comment on column bi.scan_history.duplicates is 'Likely duplicates.';
comment on column bi.scan_history.mixed is 'Likely mixed folders.';
comment on column bi.scan_history.noisy_share is 'Share of its identities that a likely merge, stray or mixed folder names first; null without labels.';
comment on column bi.scan_history.engine is 'The engine that searched last.';
comment on column bi.scan_history.comparisons is 'Pairs of faces compared in the whole scan.';
comment on column bi.scan_history.join_seconds is 'Seconds in the join alone.';
comment on column bi.scan_history.started_at is 'When it was started.';
comment on column bi.scan_history.finished_at is 'When it was finished.';
comment on column bi.scan_history.is_latest is 'Whether it is the newest finished scan of the dataset under its contract.';
comment on column bi.scan_history.is_newest is 'The same under any contract.';
comment on column bi.scan_history.dataset_id is 'Key of the dataset.';
comment on column bi.scan_history.model_id is 'Key of the contract.';

-- Scores in steps that a chart can show.
create view bi.score_histogram as
select s.dataset, s.model, h.scan_id, h.kind, h.score, h.pairs, h.pairs / nullif(sum(h.pairs) over (partition by h.scan_id, h.kind), 0) as share,
       s.threshold, s.is_latest, s.is_newest
from (
    select scan_id, kind, round(floor(score_from::numeric * 100) / 100, 2)::double precision as score, sum(pairs) as pairs
    from bi.score_distribution group by 1, 2, 3
) h
join bi.scans s on s.scan_id = h.scan_id;
comment on view bi.score_histogram is 'Number of pairs of faces at each score, by scan, in steps of 0.01.';
comment on column bi.score_histogram.dataset is 'The datasets of the scan.';
comment on column bi.score_histogram.model is 'Model contract.';
comment on column bi.score_histogram.scan_id is 'Key of the scan.';
comment on column bi.score_histogram.kind is 'genuine: same identity; impostor: different identities.';
comment on column bi.score_histogram.score is 'Lower end of the step.';
comment on column bi.score_histogram.pairs is 'Pairs, counted or estimated.';
comment on column bi.score_histogram.share is 'Their share of the kind.';
comment on column bi.score_histogram.threshold is 'Threshold of the scan.';
comment on column bi.score_histogram.is_latest is 'Whether the scan is the newest finished one of a dataset under its contract.';
comment on column bi.score_histogram.is_newest is 'The same under any contract.';

-- How far the review of every scan is.
create view bi.review_progress as
select f.dataset, f.model, f.scan_id, f.told_class as class, count(*) as findings, count(*) filter (where f.confidence >= 0.5) as likely,
       count(*) filter (where f.state = 'decided') as decided,
       count(*) filter (where f.state <> 'decided') as open,
       count(*) filter (where f.state = 'open' and f.confidence >= 0.5) as likely_open,
       count(*) filter (where f.agrees) as agreed, count(*) filter (where not f.agrees) as denied,
       count(*) filter (where f.state = 'unsure') as unsure,
       count(*) filter (where f.state = 'decided')::double precision / count(*) as decided_share,
       max(f.verdict_at) as last_verdict_at, f.is_latest, f.is_newest
from bi.findings f
group by f.dataset, f.model, f.scan_id, f.told_class, f.is_latest, f.is_newest;
comment on view bi.review_progress is 'How many findings of each scan and class people have decided, and how often they agreed.';
comment on column bi.review_progress.dataset is 'The dataset, or both datasets of findings across two.';
comment on column bi.review_progress.model is 'Model contract.';
comment on column bi.review_progress.scan_id is 'Key of the scan.';
comment on column bi.review_progress.class is 'Class of the findings, as the scan told it.';
comment on column bi.review_progress.findings is 'Findings.';
comment on column bi.review_progress.likely is 'Those with a confidence of 0.5 or more.';
comment on column bi.review_progress.decided is 'Those that a person decided.';
comment on column bi.review_progress.open is 'Those that nobody decided, or that somebody was unsure about.';
comment on column bi.review_progress.likely_open is 'Likely ones that nobody looked at.';
comment on column bi.review_progress.agreed is 'Decided as the finding says.';
comment on column bi.review_progress.denied is 'Decided the other way.';
comment on column bi.review_progress.unsure is 'Those that a person was unsure about.';
comment on column bi.review_progress.decided_share is 'decided / findings.';
comment on column bi.review_progress.last_verdict_at is 'When the last verdict was given.';
comment on column bi.review_progress.is_latest is 'Whether the scan is the newest finished one of these datasets under its contract.';
comment on column bi.review_progress.is_newest is 'The same under any contract.';

-- Who and what one dataset shares with another: the same bytes, copies that a scan found, and persons.
create view bi.leakage as
with evidence as (
    select 'photo' as kind, p.dataset_a_id, p.dataset_b_id, p.identity_a_id, p.identity_b_id, p.image_a_id, p.image_b_id,
           'same bytes' as evidence, 1::real as confidence, null::integer as scan_id
    from bi.shared_photos p
    union all
    select 'photo', na.dataset_id, nb.dataset_id, ia.identity_id, ib.identity_id, ia.id, ib.id, 'copy', f.confidence, f.scan_id
    from bi.findings f
    join facedb.finding_face wa on wa.scan_id = f.scan_id and wa.rank = f.rank
    join facedb.face ca on ca.id = wa.face_id join facedb.image ia on ia.id = ca.image_id and ia.status = 'ready'
    join facedb.identity na on na.id = ia.identity_id
    join facedb.finding_face wb on wb.scan_id = f.scan_id and wb.rank = f.rank
    join facedb.face cb on cb.id = wb.face_id join facedb.image ib on ib.id = cb.image_id and ib.status = 'ready'
    join facedb.identity nb on nb.id = ib.identity_id and nb.dataset_id > na.dataset_id
    join bi.scan_coverage c on c.scan_id = f.scan_id and c.is_newest and c.dataset_a_id = na.dataset_id and c.dataset_b_id = nb.dataset_id
    where f.class = 'duplicate' and f.confidence >= 0.5
      and not exists (
          select from bi.verdicts v where v.kind = 'pair' and v.verdict = 'different'
            and least(v.image_a_id, v.image_b_id) = least(ia.id, ib.id) and greatest(v.image_a_id, v.image_b_id) = greatest(ia.id, ib.id)
      )
    union all
    select 'person', na.dataset_id, nb.dataset_id, na.id, nb.id, null, null, 'finding', f.confidence, f.scan_id
    from bi.findings f
    cross join lateral (select least(f.identity_a_id, f.identity_b_id) as low, greatest(f.identity_a_id, f.identity_b_id) as high) e
    join facedb.identity na on na.id in (f.identity_a_id, f.identity_b_id)
    join facedb.identity nb on nb.id in (f.identity_a_id, f.identity_b_id) and nb.dataset_id > na.dataset_id
    join bi.scan_coverage c on c.scan_id = f.scan_id and c.is_newest and c.dataset_a_id = na.dataset_id and c.dataset_b_id = nb.dataset_id
    where f.told_class = 'merge' and f.confidence >= 0.5
      and not exists (
          select from facedb.verdict v where v.kind = 'link' and v.identity_a = e.low and v.identity_b = e.high
            and v.verdict = 'different' and not exists (
                select from facedb.verdict w where w.kind = 'link' and w.identity_a = v.identity_a and w.identity_b = v.identity_b and w.id > v.id
            )
      )
    union all
    select 'person', na.dataset_id, nb.dataset_id, na.id, nb.id, null, null, 'verdict', 1, v.scan_id
    from bi.verdicts v
    join facedb.identity na on na.id in (v.identity_a_id, v.identity_b_id)
    join facedb.identity nb on nb.id in (v.identity_a_id, v.identity_b_id) and nb.dataset_id > na.dataset_id
    where v.kind = 'link' and v.verdict = 'same'
)
select d.name as dataset, o.name as other_dataset, e.kind, n.name as identity, p.name as other_identity, i.path, j.path as other_path,
       e.evidence, e.confidence, e.scan_id, e.dataset_id, e.other_dataset_id, e.identity_id, e.other_identity_id, e.image_id, e.other_image_id
from (
    select kind, evidence, confidence, scan_id, dataset_a_id as dataset_id, dataset_b_id as other_dataset_id, identity_a_id as identity_id,
           identity_b_id as other_identity_id, image_a_id as image_id, image_b_id as other_image_id
    from evidence
    union all
    select kind, evidence, confidence, scan_id, dataset_b_id, dataset_a_id, identity_b_id, identity_a_id, image_b_id, image_a_id from evidence
) e
join facedb.dataset d on d.id = e.dataset_id
join facedb.dataset o on o.id = e.other_dataset_id
left join facedb.identity n on n.id = e.identity_id
left join facedb.identity p on p.id = e.other_identity_id
left join facedb.image i on i.id = e.image_id
left join facedb.image j on j.id = e.other_image_id;
comment on view bi.leakage is 'What a dataset shares with another one, a row for each piece of evidence, seen from both sides.';
comment on column bi.leakage.dataset is 'Dataset.';
comment on column bi.leakage.other_dataset is 'The dataset that has it as well.';
comment on column bi.leakage.kind is 'photo: one photo is in both; person: one person is in both.';
comment on column bi.leakage.identity is 'Label in the dataset.';
comment on column bi.leakage.other_identity is 'Label in the other one.';
comment on column bi.leakage.path is 'Path of the photo.';
comment on column bi.leakage.other_path is 'Its path in the other dataset.';
comment on column bi.leakage.evidence is 'same bytes; copy: a duplicate that the newest scan of both found; finding: a likely merge of that scan; verdict: a person said so.';
comment on column bi.leakage.confidence is '0 to 1; findings from 0.5 up that nobody denied.';
comment on column bi.leakage.scan_id is 'The scan that found it.';
comment on column bi.leakage.dataset_id is 'Key of the dataset.';
comment on column bi.leakage.other_dataset_id is 'Key of the other dataset.';
comment on column bi.leakage.identity_id is 'Key of the label.';
comment on column bi.leakage.other_identity_id is 'Key of the label in the other dataset.';
comment on column bi.leakage.image_id is 'Key of the photo.';
comment on column bi.leakage.other_image_id is 'Key of the photo in the other dataset.';

-- The sentence: so many people and photos of one dataset are in another.
create view bi.leakage_summary as
select dataset, other_dataset, count(distinct identity_id) as people, count(distinct image_id) as photos
from bi.leakage group by dataset, other_dataset;
comment on view bi.leakage_summary is 'How many people and photos of a dataset are in another one as well.';
comment on column bi.leakage_summary.dataset is 'Dataset.';
comment on column bi.leakage_summary.other_dataset is 'The dataset that has them as well.';
comment on column bi.leakage_summary.people is 'Identities of the dataset that are in the other one, by a photo or as a person.';
comment on column bi.leakage_summary.photos is 'Photos of the dataset that are in the other one.';

-- What a beginner expects: the same without rows that a newer scan has replaced.
create view bi.latest_scans as select * from bi.scans where is_newest;
create view bi.latest_links as select * from bi.links where is_newest;
create view bi.latest_findings as select * from bi.findings where is_newest;
create view bi.latest_flagged_pairs as select * from bi.flagged_pairs where is_newest;
create view bi.latest_score_histogram as select * from bi.score_histogram where is_newest;
create view bi.latest_review_progress as select * from bi.review_progress where is_newest;
do $$
declare part record;
begin
    for part in
        select format('comment on view %s is %L', v.oid::regclass, 'Only the newest finished scan of each dataset: ' || obj_description(b.oid, 'pg_class')) as said
        from pg_class v join pg_class b on b.relnamespace = v.relnamespace and v.relname = 'latest_' || b.relname
        where v.relnamespace = 'bi'::regnamespace
        union all
        select format('comment on column %s.%I is %L', v.oid::regclass, a.attname, col_description(b.oid, s.attnum))
        from pg_class v join pg_class b on b.relnamespace = v.relnamespace and v.relname = 'latest_' || b.relname
        join pg_attribute a on a.attrelid = v.oid and a.attnum > 0
        join pg_attribute s on s.attrelid = b.oid and s.attname = a.attname
        where v.relnamespace = 'bi'::regnamespace
    loop
        execute part.said;
    end loop;
end
$$;
