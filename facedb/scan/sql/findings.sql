-- name: hold_faces
-- Those of some faces that are still there, which stay until this transaction ends.
select id from facedb.face where id = any(%(faces)s) order by id for key share;

-- name: add_whole_photos
-- A face that stands for the whole of each image in which none was found, so that a finding can be about it.
insert into facedb.face (image_id, detection, ordinal)
select i.id, 'no face', 0 from (select id from facedb.image where id = any(%(ids)s) order by id for key share) i
on conflict do nothing;

-- name: whole_photos
-- Those of some images.
select image_id, id from facedb.face where image_id = any(%(ids)s) and detection = 'no face';

-- name: reject_reasons
-- Why images gave no face under the contract of a scan.
select i.id, i.path, r.code, r.detail from facedb.scan s
join facedb.embed_reject r on r.model_id = s.model_id and r.image_id = any(%(ids)s)
join facedb.image i on i.id = r.image_id
where s.id = %(scan_id)s;

-- name: findings
-- Findings of a scan in the order of their rank; those that a person denied only with new images, or when all are asked for, those that
-- name somebody who was hidden from review only where these are.
-- (Composed: the columns.)
select {columns}
from bi.findings f
cross join lateral (
    select f.state <> 'decided' or not case f.class
               when 'stray' then f.verdict = 'same'
               when 'photo' then f.verdict = 'same'
               when 'mixed' then f.verdict = 'same'
               when 'unlabelled' then not f.agrees
               when 'newcomer' then f.verdict = 'same'
               when 'duplicate' then f.verdict in ('same', 'different')
               else f.verdict = 'different'
           end as asks
) x
where scan_id = %(scan_id)s
  and (%(class)s::text is null or class = %(class)s)
  and (%(min_confidence)s::real is null or confidence >= %(min_confidence)s)
  and (%(dataset)s::text is null or %(dataset)s in (dataset_a, dataset_b))
  and (not %(open)s or state <> 'decided')
  and (%(hidden)s or not f.hidden)
  and (%(denied)s or x.asks)
order by rank
limit %(limit)s;

-- name: finding_counts
-- How many findings of each class a scan has that are likely, and how many are certain; hidden people are left out.
select told_class, count(*) filter (where confidence >= %(likely)s), count(*) filter (where confidence >= %(certain)s)
from bi.findings where scan_id = %(scan_id)s and not hidden
group by 1 order by 1;

-- name: group_members
-- Who belongs to each proposed group of more than two identities; hidden people are left out.
select f.group_number, min(f.group_lowest), array_agg(distinct n.name order by n.name)
from facedb.finding f
join facedb.identity n on n.id in (f.identity_a, f.identity_b)
where f.scan_id = %(scan_id)s and f.group_number is not null
  and f.rank not in (select h.rank from bi.hidden_findings h where h.scan_id = %(scan_id)s)
group by f.group_number having count(distinct n.id) > 2
order by f.group_number;

-- name: identity_names
-- Names of identities, with that of their dataset.
select n.id, n.name, d.name from facedb.identity n join facedb.dataset d on d.id = n.dataset_id where n.id = any(%(ids)s);

-- name: image_paths
-- Paths of images.
select id, path from facedb.image where id = any(%(ids)s);

-- name: finding_rows
-- Findings of a scan with their images, for grading.
select f.rank, f.class, f.confidence, coalesce(f.identity_a, -1), coalesce(f.identity_b, -1), f.faces_a, f.size_a,
       array_agg(c.image_id order by w.face_id), array_agg(w.role order by w.face_id)
from facedb.finding f
join facedb.finding_face w on w.scan_id = f.scan_id and w.rank = f.rank
join facedb.face c on c.id = w.face_id
where f.scan_id = %(scan_id)s group by f.scan_id, f.rank order by f.rank;

-- name: agreed
-- Which findings of a scan people decided, and whether they found them right.
select rank, agrees from bi.findings where scan_id = %(scan_id)s and agrees is not null;

-- name: scan_identities
-- The identities of a scan by name.
select distinct on (n.name) n.name, n.id from facedb.identity n
where n.id in (select unnest(b.identity_ids) from facedb.scan_block b where b.scan_id = %(scan_id)s) order by n.name, n.id;

-- name: scan_images
-- Images of a scan by path, with the label that they had in it, -1: those beside its gallery.
select i.path, i.id, m.identity_id
from (
    select unnest(b.embedding_ids) as embedding_id, unnest(b.identity_ids) as identity_id from facedb.scan_block b
    where b.scan_id = %(scan_id)s
    union all
    select o.embedding_id, -1 from facedb.scan_outsider o where o.scan_id = %(scan_id)s
) m
join facedb.embedding e on e.id = m.embedding_id and e.model_id = (select model_id from facedb.scan where id = %(scan_id)s)
join facedb.face f on f.id = e.face_id
join facedb.image i on i.id = f.image_id
where i.path = any(%(paths)s);

-- name: newest_of_galleries
-- The newest finished scan of every contract and choice of datasets.
select max(id) from facedb.scan where status = 'finished' group by model_id, coalesce(scope ->> 'datasets', '') order by 1;

-- name: newest_before
-- The finished scan of the same gallery before a scan.
select o.id from facedb.scan s
join facedb.scan o on o.model_id = s.model_id and coalesce(o.scope ->> 'datasets', '') = coalesce(s.scope ->> 'datasets', '')
     and o.status = 'finished' and o.id < s.id
where s.id = %(scan_id)s order by o.id desc limit 1;

-- name: spoken_of
-- The ranks of findings of a scan that some verdict is about, in the order of the last word on each: asked for first, so that the planner
-- knows how many they are.
select s.rank from (
    select f.rank, v.id from facedb.finding f
    join facedb.verdict v on v.kind = 'link' and v.identity_a = least(f.identity_a, f.identity_b)
                         and v.identity_b = greatest(f.identity_a, f.identity_b)
    where f.scan_id = %(scan_id)s and f.class in ('merge', 'look-alike')
    union all
    select w.rank, v.id from facedb.finding_face w
    join facedb.face a on a.id = w.face_id join facedb.image i on i.id = a.image_id
    join facedb.verdict v on v.image_a = i.id or v.sha256_a = i.sha256
    where w.scan_id = %(scan_id)s and w.role in ('wrong', 'copy')
) s group by s.rank order by max(s.id), s.rank;

-- name: judged
-- Findings of a scan that people decided, and whether they agreed: what each states by keys, the confidence it was told with, and whether
-- it is true; in the order of the ranks as they are given. Of merges and look-alikes the confidence is that of one person.
select f.class,
       case when f.class in ('merge', 'look-alike')
            then 'link ' || least(f.identity_a, f.identity_b) || ' ' || greatest(f.identity_a, f.identity_b)
            else f.class || (
                select string_agg(' ' || i, '' order by i) from (
                    select distinct c.image_id as i from facedb.finding_face w join facedb.face c on c.id = w.face_id
                    where w.scan_id = f.scan_id and w.rank = f.rank and w.role in ('wrong', 'copy')) m)
       end,
       f.confidence, t.agrees = (f.class <> 'look-alike')
from unnest(%(ranks)s::integer[], %(agrees)s::boolean[]) with ordinality t (rank, agrees, turn)
join facedb.finding f on f.scan_id = %(scan_id)s and f.rank = t.rank
order by t.turn;

-- name: answered
-- What people decided of findings of earlier scans of the gallery of a scan, and whether this scan tells it too: of what it tells, what
-- stands now counts. A statement is told by the keys of two identities, or of the first image.
select a.class, a.statement, a.confidence, a.is_true,
    exists (
        select from facedb.finding f
        where f.scan_id = s.id and f.class in ('merge', 'look-alike') and a.class in ('merge', 'look-alike')
          and least(f.identity_a, f.identity_b) = split_part(a.statement, ' ', 2)::bigint
          and greatest(f.identity_a, f.identity_b) = split_part(a.statement, ' ', 3)::bigint
    ) or exists (
        select from facedb.face c
        join facedb.finding_face w on w.face_id = c.id and w.scan_id = s.id and w.role in ('wrong', 'copy')
        join facedb.finding f on f.scan_id = w.scan_id and f.rank = w.rank and f.class = a.class
        where a.class not in ('merge', 'look-alike') and c.image_id = split_part(a.statement, ' ', 2)::bigint
    )
from facedb.answered a join facedb.scan s on s.model_id = a.model_id and coalesce(s.scope ->> 'datasets', '') = a.gallery
where s.id = %(scan_id)s;

-- name: keep_answered
-- Keep what people decided of a finding beyond its scan, as it was told when they said so: a later scan tells the same otherwise.
insert into facedb.answered (model_id, gallery, class, statement, confidence, is_true)
select s.model_id, coalesce(s.scope ->> 'datasets', ''), %(class)s, %(statement)s, %(confidence)s, %(is_true)s
from facedb.scan s where s.id = %(scan_id)s
on conflict (model_id, gallery, statement) do update
set class = excluded.class, confidence = excluded.confidence, is_true = excluded.is_true
where answered.is_true <> excluded.is_true;

-- name: learn_alone
-- Two decisions that follow each other closely would both write what was learnt; readers do not wait.
lock table facedb.lesson in share row exclusive mode;

-- name: forget_lessons
-- What was taught before is taught anew.
delete from facedb.lesson where scan_id = %(scan_id)s;

-- name: add_lesson
-- What the verdicts teach of one class.
insert into facedb.lesson (scan_id, class, base, slope, answers, agreed)
values (%(scan_id)s, %(class)s, %(base)s, %(slope)s, %(answers)s, %(agreed)s);
