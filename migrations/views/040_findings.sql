-- Findings with names, paths and what people said about them. What was said is found from the verdicts, which are few, and paths only
-- where they are asked for. A statement can be decided without a word on itself: two that are the same as a third are the same, a stray
-- of two that are the same is none, and a folder whose every photo belongs elsewhere is no folder any more. This is the one place where
-- it is decided what is decided, and where confidences follow the verdicts (`facedb/findings/lessons.py`).
create view bi.findings as
with recursive said as materialized (select * from bi.verdicts),
edge as materialized (
    select identity_a_id as a, identity_b_id as b from said where kind = 'link' and verdict = 'same'
    union select identity_b_id, identity_a_id from said where kind = 'link' and verdict = 'same'
),
one (a, b) as (select a, a from edge union select o.a, e.b from one o join edge e on e.a = o.b),
follows (low, high, verdict) as materialized (
    select a, b, 'same' from one where a < b
    union
    select least(x.b, y.b), greatest(x.b, y.b), 'different'
    from said v
    cross join lateral (select v.identity_a_id as b union select o.b from one o where o.a = v.identity_a_id) x
    cross join lateral (select v.identity_b_id as b union select o.b from one o where o.a = v.identity_b_id) y
    where v.kind = 'link' and v.verdict = 'different'
),
emptied as materialized (
    select identity_a_id as id, count(*) as images, array_agg(target_id) as targets
    from said where kind = 'face' and verdict = 'wrong-identity' and image_a_id is not null group by identity_a_id
),
told as not materialized (
    -- Taken into the query, so that whoever asks of one finding looks at what was said of that one.
    -- Face by face: strays, mixed folders, photos and what lies in no folder are decided when all their faces are. That an image belongs
    -- where it lies by now was said of it as well.
    select o.scan_id, o.rank, count(distinct w.face_id) as faces, 0 as single, max(v.verdict_id) as verdict_id,
           case when bool_or(w.said = 'wrong-identity') then 'wrong-identity' else (array_agg(w.said order by v.verdict_id desc))[1] end as verdict,
           (array_agg(v.note order by v.verdict_id desc))[1] as note, (array_agg(v.said_by order by v.verdict_id desc))[1] as said_by,
           max(v.said_at) as said_at, bool_and(w.said = 'wrong-identity') as leaves,
           array_agg(distinct v.target_id) as targets
    from said v
    join facedb.face c on c.image_id = v.image_a_id
    cross join lateral (
        select f.scan_id, f.rank, f.face_id, o.identity_a,
               case when v.verdict = 'wrong-identity' and v.target_id = o.identity_a and o.class in ('stray', 'mixed', 'photo') then 'same'
                    else v.verdict end as said
        from facedb.finding_face f join facedb.finding o on o.scan_id = f.scan_id and o.rank = f.rank
        where f.face_id = c.id and f.role = 'wrong'
    ) w
    join facedb.finding o on o.scan_id = w.scan_id and o.rank = w.rank
    where v.kind = 'face'
    group by o.scan_id, o.rank
    union all
    -- Copies: each is named by a pair, or said to be a duplicate of the one that is left.
    select o.scan_id, o.rank, count(distinct w.face_id), max((v.kind = 'face')::integer), max(v.verdict_id),
           (array_agg(v.verdict order by v.verdict_id desc))[1],
           (array_agg(v.note order by v.verdict_id desc))[1], (array_agg(v.said_by order by v.verdict_id desc))[1], max(v.said_at), null, null
    from said v
    join facedb.face c on c.image_id in (v.image_a_id, v.image_b_id)
    join facedb.finding_face w on w.face_id = c.id and w.role = 'copy'
    join facedb.finding o on o.scan_id = w.scan_id and o.rank = w.rank and o.class = 'duplicate'
    where (v.kind = 'face' and v.verdict = 'duplicate')
       or (v.kind = 'pair' and 2 = (
              select count(distinct t.image_id) from facedb.face t join facedb.finding_face u on u.face_id = t.id and u.role = 'copy'
              where t.image_id in (v.image_a_id, v.image_b_id) and u.scan_id = o.scan_id and u.rank = o.rank))
    group by o.scan_id, o.rank
    union all
    -- Of two folders of one photo each, what was said of the two photos.
    select o.scan_id, o.rank, 2, 0, v.verdict_id, v.verdict, v.note, v.said_by, v.said_at, null, null
    from said v
    join facedb.face ca on ca.image_id = v.image_a_id
    join facedb.face cb on cb.image_id = v.image_b_id
    join facedb.finding_face wa on wa.face_id = ca.id and wa.role = 'example'
    join facedb.finding_face wb on wb.face_id = cb.id and wb.role = 'example' and (wb.scan_id, wb.rank) = (wa.scan_id, wa.rank)
    join facedb.finding o on o.scan_id = wa.scan_id and o.rank = wa.rank and o.class in ('merge', 'look-alike') and o.size_a = 1 and o.size_b = 1
    where v.kind = 'pair' and v.verdict in ('same', 'different', 'unsure')
)
select f.rank,
       case when t.state = 'decided' and f.class in ('merge', 'look-alike')
            then case d.verdict when 'same' then 'merge' when 'different' then 'look-alike' else f.class end
            else f.class end as class,
       p.confidence,
       na.name as identity_a, nb.name as identity_b,
       (select array_agg(i.path order by array_position('{wrong,copy,example}', w.role), w.face_id)
        from facedb.finding_face w join facedb.face c on c.id = w.face_id join facedb.image i on i.id = c.image_id
        where w.scan_id = f.scan_id and w.rank = f.rank) as images,
       f.faces_a, f.faces_b,
       (f.faces_a::double precision / f.size_a)::real as coverage_a,
       case when f.size_b > 0 then (f.faces_b::double precision / f.size_b)::real end as coverage_b,
       f.max_score, f.mean_score, f.own_score, f.detail, d.verdict,
       f.scan_id, da.name as dataset_a, db.name as dataset_b, f.size_a, f.size_b, f.own_best, f.own_usual, f.own_spread, f.sameness,
       f.margin, f.hash_distance, f.group_number, f.group_lowest, f.swap_rank, coalesce(l.note, i.note) as verdict_note,
       coalesce(l.said_by, i.said_by) as verdict_by, f.identity_a as identity_a_id, f.identity_b as identity_b_id,
       (select array_agg(i.id order by array_position('{wrong,copy,example}', w.role), w.face_id)
        from facedb.finding_face w join facedb.face c on c.id = w.face_id join facedb.image i on i.id = c.image_id
        where w.scan_id = f.scan_id and w.rank = f.rank) as image_ids,
       case when db.id is null or da.id = db.id then da.name else least(da.name, db.name) || ', ' || greatest(da.name, db.name) end as dataset,
       m.name as model, coalesce(c.is_latest, false) as is_latest, coalesce(c.is_newest, false) as is_newest,
       coalesce(l.said_at, i.said_at) as verdict_at,
       (select i.path from facedb.finding_face w join facedb.face c on c.id = w.face_id join facedb.image i on i.id = c.image_id
        where w.scan_id = f.scan_id and w.rank = f.rank
        order by array_position('{wrong,copy,example}', w.role), w.face_id limit 1) as path,
       (select count(*) from facedb.finding_face w where w.scan_id = f.scan_id and w.rank = f.rank) as images_count,
       f.confidence as uncalibrated, t.state, a.agrees, f.class as told_class, coalesce(l.verdict_id, i.verdict_id) as verdict_id,
       (f.scan_id, f.rank) in (select h.scan_id, h.rank from bi.hidden_findings h) as hidden
from facedb.finding f
join facedb.scan s on s.id = f.scan_id and s.status = 'finished'
join facedb.model m on m.id = s.model_id
left join facedb.identity na on na.id = f.identity_a
-- What is told of images without labels alone has the dataset of its first image.
join facedb.dataset da on da.id = coalesce(na.dataset_id, (
    select s.dataset_id from facedb.finding_face w
    join facedb.face c on c.id = w.face_id join facedb.image i on i.id = c.image_id join facedb.source s on s.id = i.source_id
    where w.scan_id = f.scan_id and w.rank = f.rank order by w.face_id limit 1
))
left join facedb.identity nb on nb.id = f.identity_b
left join facedb.dataset db on db.id = nb.dataset_id
left join bi.scan_coverage c
    on c.scan_id = f.scan_id and c.dataset_a_id = least(da.id, coalesce(db.id, da.id))
    and c.dataset_b_id = greatest(da.id, coalesce(db.id, da.id))
left join said l
    on f.class in ('merge', 'look-alike') and l.kind = 'link'
    and l.identity_a_id = least(f.identity_a, f.identity_b) and l.identity_b_id = greatest(f.identity_a, f.identity_b)
left join follows g
    on f.class not in ('duplicate', 'unlabelled') and (f.class in ('merge', 'look-alike') or g.verdict = 'same')
    and g.low = least(f.identity_a, f.identity_b) and g.high = greatest(f.identity_a, f.identity_b)
    and not exists (select from follows o where o.verdict < g.verdict and o.low = g.low and o.high = g.high)
left join told i
    on i.scan_id = f.scan_id and i.rank = f.rank
    and i.faces + i.single >= (select count(*) from facedb.finding_face w where w.scan_id = f.scan_id and w.rank = f.rank and w.role in ('wrong', 'copy'))
left join lateral (
    select case when t.targets <@ array[t.other] then 'same' else 'different' end as verdict
    from (select p.targets, f.identity_b as other from emptied p where p.id = f.identity_a and p.images >= f.size_a
          union all select p.targets, f.identity_a from emptied p where p.id = f.identity_b and p.images >= f.size_b) t
    limit 1
) e on f.class in ('merge', 'look-alike')
cross join lateral (
    select coalesce(nullif(l.verdict, 'unsure'), g.verdict, nullif(i.verdict, 'unsure'), e.verdict, l.verdict, i.verdict) as verdict
) d
cross join lateral (
    select case
               when d.verdict is null then 'open'
               when d.verdict = 'unsure' then 'unsure'
               -- Two that were called different are asked about again when new photos of theirs are flagged, as in bi.links.
               when l.verdict = 'different' and exists (
                   select from facedb.verdict k
                   join facedb.image ia on ia.identity_id in (f.identity_a, f.identity_b)
                   join facedb.face fa on fa.image_id = ia.id
                   join facedb.flagged_pair p on p.scan_id = f.scan_id and p.face_a = fa.id
                   join facedb.face fb on fb.id = p.face_b
                   join facedb.image ib on ib.id = fb.image_id
                        and ib.identity_id = case ia.identity_id when f.identity_a then f.identity_b else f.identity_a end
                   where k.id = l.verdict_id
                     and (('x' || encode(substr(ia.sha256, 1, 8), 'hex'))::bit(64)::bigint <> all (k.known_images)
                          or ('x' || encode(substr(ib.sha256, 1, 8), 'hex'))::bit(64)::bigint <> all (k.known_images))
               ) then 'open'
               else 'decided'
           end as state
    -- (`offset 0`: found once, and not again for each place that asks where it stands.)
    offset 0
) t
cross join lateral (
    select case
               when t.state <> 'decided' then null
               when f.class = 'merge' then case d.verdict when 'same' then true when 'different' then false end
               when f.class = 'look-alike' then case d.verdict when 'different' then true when 'same' then false end
               when f.class in ('stray', 'mixed') then case d.verdict when 'wrong-identity' then true when 'same' then false end
               when f.class = 'duplicate' then case d.verdict when 'duplicate' then true when 'same' then false when 'different' then false end
               when f.class = 'unlabelled' then case d.verdict when 'wrong-identity' then coalesce(i.targets = array[f.identity_a], false) when 'same' then false end
               when f.class = 'newcomer' then case d.verdict when 'wrong-identity' then i.leaves and cardinality(i.targets) = 1 and i.targets[1] is not null
                                                             when 'same' then false end
           end as agrees
) a
left join facedb.lesson r on r.scan_id = f.scan_id and r.class = f.class and t.state <> 'decided'
-- What people found true, or not, is as sure as can be, or as little; how it was told stays in `uncalibrated`. Of look-alikes the confidence
-- is that of one person.
cross join lateral (
    select case when a.agrees is null then facedb.taught(f.confidence, r.base, r.slope)
                -- (As near to 1 or 0 as a confidence goes.)
                else facedb.taught((a.agrees = (f.class <> 'look-alike'))::integer, 0, 1) end as confidence
) p;
comment on view bi.findings is 'Findings of every finished scan with current names and paths, ranked across classes.';
comment on column bi.findings.rank is '1 is what to look at first.';
comment on column bi.findings.class is 'merge: a and b are one person; stray: an image of a is not a; mixed: a holds two persons; duplicate: one photo twice; look-alike: a and b are close but separate, or a person said so (two that were told as look-alikes and called the same: merge); photo: a photo of a shows several people, or its face is turned, blurred or tiny (last in rank); unlabelled: a photo that lies in no folder shows a; newcomer: photos that lie in no folder are one person who has none.';
comment on column bi.findings.confidence is '0 to 1, on one scale for all classes; for undecided findings, adjusted to the verdicts so far; 0.9999 where people found the finding true, 0.0001 where they denied it; for look-alikes, how likely the two are one person.';
comment on column bi.findings.identity_a is 'The identity said to be wrong, or the first of two; for an unlabelled photo, the person it shows; null for newcomers and duplicates of images without labels.';
comment on column bi.findings.identity_b is 'The other identity; for an unlabelled photo, the next best; null when there is none.';
comment on column bi.findings.images is 'Paths: the images that are wrong, the copies, or the best pair between the two.';
comment on column bi.findings.faces_a is 'Faces of a concerned.';
comment on column bi.findings.faces_b is 'Faces of b concerned.';
comment on column bi.findings.coverage_a is 'faces_a / size_a.';
comment on column bi.findings.coverage_b is 'faces_b / size_b; null without b.';
comment on column bi.findings.max_score is 'Highest score.';
comment on column bi.findings.mean_score is 'Mean score; for copies, the lowest.';
comment on column bi.findings.own_score is 'Mean score: for a stray, against the rest of its folder; for a mixed folder, within the second group; for an unlabelled photo, to the next best; for copies in two folders, with the other photos of the first.';
comment on column bi.findings.detail is 'The evidence in a sentence.';
comment on column bi.findings.verdict is 'What people said about the link, the faces or the pair, or what follows from what they said about others; null: nothing yet, or not about all its faces.';
comment on column bi.findings.scan_id is 'Key of the scan.';
comment on column bi.findings.dataset_a is 'Dataset of a.';
comment on column bi.findings.dataset_b is 'Dataset of b.';
comment on column bi.findings.size_a is 'Faces of a in the gallery.';
comment on column bi.findings.size_b is 'Faces of b in the gallery.';
comment on column bi.findings.own_best is 'Highest score of a stray against the rest of its folder.';
comment on column bi.findings.own_usual is 'Mean of the own scores in the folder.';
comment on column bi.findings.own_spread is 'Their standard deviation.';
comment on column bi.findings.sameness is 'Mean score on the scale of this data: 0 for strangers, 1 for one person.';
comment on column bi.findings.margin is 'Sameness to b minus sameness to its own folder; for copies in two folders, how much likelier they belong in a alone than in b alone, -1 to 1.';
comment on column bi.findings.hash_distance is 'Bits in which the hashes of copies differ.';
comment on column bi.findings.group_number is 'Merges with the same number are proposed together.';
comment on column bi.findings.group_lowest is 'The lowest sameness between two members of the group.';
comment on column bi.findings.swap_rank is 'The stray that points the other way: the two photos may have been swapped.';
comment on column bi.findings.verdict_note is 'What else the person said.';
comment on column bi.findings.verdict_by is 'Who said it.';
comment on column bi.findings.identity_a_id is 'Key of a.';
comment on column bi.findings.identity_b_id is 'Key of b.';
comment on column bi.findings.image_ids is 'Keys of the images, in the order of images.';
comment on column bi.findings.dataset is 'The dataset of both, or both datasets.';
comment on column bi.findings.model is 'Model contract.';
comment on column bi.findings.is_latest is 'Whether its scan is the newest finished one of these datasets under its contract.';
comment on column bi.findings.is_newest is 'The same under any contract.';
comment on column bi.findings.verdict_at is 'When the person said it.';
comment on column bi.findings.path is 'The first of images.';
comment on column bi.findings.images_count is 'How many images.';
comment on column bi.findings.uncalibrated is 'The confidence that the scan gave it, before any verdict adjusted it.';
comment on column bi.findings.state is 'open, unsure or decided; open also where only some of its images were answered, or new photos joined two that were called different.';
comment on column bi.findings.agrees is 'Whether people found it right; null while nobody has said.';
comment on column bi.findings.told_class is 'The class that the scan reported, whatever a person has said since.';
comment on column bi.findings.verdict_id is 'Key of the newest verdict on it; null where it follows from what was said about others.';
comment on column bi.findings.hidden is 'Whether it names or shows somebody who was hidden from review.';

create view bi.evaluations as
select e.id as evaluation_id, e.scan_id, m.name as model, e.kind, e.spec, e.seed, e.threshold, c.class, c.planted, c.found,
       c.average_precision, c.first_rank, c.last_rank, e.planted as all_planted, e.found as all_found, e.findings,
       e.average_precision as all_average_precision, e.scan_seconds, e.findings_seconds, e.evaluated_at,
       s.dataset, s.is_latest, s.is_newest, c.found::double precision / c.planted as recall, e.calibration_error
from facedb.evaluation e
join bi.scans s on s.scan_id = e.scan_id
join facedb.model m on m.id = s.model_id
left join facedb.evaluation_class c on c.evaluation_id = e.id;
comment on view bi.evaluations is 'How well the findings match known mistakes, one row per evaluation and class.';
comment on column bi.evaluations.evaluation_id is 'Key of the evaluation.';
comment on column bi.evaluations.scan_id is 'Key of the scan.';
comment on column bi.evaluations.model is 'Model contract.';
comment on column bi.evaluations.kind is 'inject: planted mistakes; truth: a list that people made.';
comment on column bi.evaluations.spec is 'What was planted, or the name of the list.';
comment on column bi.evaluations.seed is 'Seed of the planting.';
comment on column bi.evaluations.threshold is 'Threshold of the pairs.';
comment on column bi.evaluations.class is 'Class of mistake; null when nothing was planted.';
comment on column bi.evaluations.planted is 'Known mistakes of the class.';
comment on column bi.evaluations.found is 'Those that a finding names.';
comment on column bi.evaluations.average_precision is 'Mean over them of the precision at their rank.';
comment on column bi.evaluations.first_rank is 'The rank that names the first of them.';
comment on column bi.evaluations.last_rank is 'The rank that names the last of those found.';
comment on column bi.evaluations.all_planted is 'Known mistakes of all classes.';
comment on column bi.evaluations.all_found is 'Those that a finding names.';
comment on column bi.evaluations.findings is 'Findings in all.';
comment on column bi.evaluations.all_average_precision is 'Average precision over all classes.';
comment on column bi.evaluations.scan_seconds is 'Seconds of the search.';
comment on column bi.evaluations.findings_seconds is 'Seconds of the findings.';
comment on column bi.evaluations.evaluated_at is 'When.';
comment on column bi.evaluations.dataset is 'The datasets of the scan.';
comment on column bi.evaluations.is_latest is 'Whether the scan is the newest finished one of a dataset under its contract.';
comment on column bi.evaluations.is_newest is 'The same under any contract.';
comment on column bi.evaluations.recall is 'found / planted of the class.';
comment on column bi.evaluations.calibration_error is 'Expected calibration error over all findings: how far confidence and precision are apart, on average.';

create view bi.reliability as
select t.evaluation_id, e.scan_id, s.dataset, e.kind, e.spec, t.above as confidence_from, t.above + 0.1 as confidence_to, t.findings, t.confidence,
       t.true_findings, t.true_findings::double precision / t.findings as precision, e.calibration_error, s.is_latest
from facedb.evaluation_tenth t
join facedb.evaluation e on e.id = t.evaluation_id
join bi.scans s on s.scan_id = e.scan_id;
comment on view bi.reliability is 'Whether findings are true as often as their confidence says: one row per evaluation and tenth of the confidence range that has findings.';
comment on column bi.reliability.evaluation_id is 'Key of the evaluation.';
comment on column bi.reliability.scan_id is 'Key of the scan.';
comment on column bi.reliability.dataset is 'The datasets of the scan.';
comment on column bi.reliability.kind is 'inject: planted mistakes; truth: a list that people made.';
comment on column bi.reliability.spec is 'What was planted, or the name of the list.';
comment on column bi.reliability.confidence_from is 'Lower end of the tenth.';
comment on column bi.reliability.confidence_to is 'Upper end of the tenth.';
comment on column bi.reliability.findings is 'Findings in it; those about photos are left out.';
comment on column bi.reliability.confidence is 'Their mean confidence.';
comment on column bi.reliability.true_findings is 'Those that are true.';
comment on column bi.reliability.precision is 'true_findings / findings.';
comment on column bi.reliability.calibration_error is 'Expected calibration error of the evaluation.';
comment on column bi.reliability.is_latest is 'Whether the scan is the newest finished one of its datasets under its contract.';

-- The impostor scores from the threshold up were all counted; below it a random sample is scaled to the whole.
create view bi.score_distribution as
select h.scan_id, h.kind, (-1 + h.bin / 1000.0)::double precision as score_from, (-1 + (h.bin + 1) / 1000.0)::double precision as score_to,
       h.source, case h.source when 'counted' then h.count::double precision else h.count * t.total::double precision / t.sampled end as pairs,
       h.count as looked_at, t.total as all_pairs, s.dataset, s.is_latest
from facedb.score_histogram h
join facedb.score_total t on t.scan_id = h.scan_id and t.kind = h.kind
join bi.scans s on s.scan_id = h.scan_id
where h.source = 'counted' or t.counted_from is null or -1 + (h.bin + 1) / 1000.0 <= t.counted_from + 1e-9;
comment on view bi.score_distribution is 'How many pairs of faces have which score, by scan, in steps of 0.001.';
comment on column bi.score_distribution.scan_id is 'Key of the scan.';
comment on column bi.score_distribution.kind is 'genuine: same identity; impostor: different identities.';
comment on column bi.score_distribution.score_from is 'Lower end of the step.';
comment on column bi.score_distribution.score_to is 'Upper end of the step.';
comment on column bi.score_distribution.source is 'counted: every pair; sampled: scaled up from a random sample.';
comment on column bi.score_distribution.pairs is 'Pairs, counted or estimated.';
comment on column bi.score_distribution.looked_at is 'Pairs that were looked at.';
comment on column bi.score_distribution.all_pairs is 'All pairs of the kind in the gallery.';
comment on column bi.score_distribution.dataset is 'The datasets of the scan.';
comment on column bi.score_distribution.is_latest is 'Whether it is the newest finished scan of its datasets under its contract.';
