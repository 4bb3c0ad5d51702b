-- name: scans
-- Finished scans that have findings or not, newest first, with the datasets they cover.
select s.id, m.id, m.name, s.threshold, s.faces, s.identities, s.pairs, s.links, s.finished_at,
       (select coalesce(array_agg(d.name order by d.name), '{}') from facedb.scan_dataset c join facedb.dataset d on d.id = c.dataset_id
        where c.scan_id = s.id),
       not exists (select from facedb.scan n where n.status = 'finished' and n.id > s.id and n.model_id = s.model_id and n.scope = s.scope),
       (select count(*) from facedb.finding f where f.scan_id = s.id)
from facedb.scan s join facedb.model m on m.id = s.model_id
where s.status = 'finished' and (%(scan_id)s::integer is null or s.id = %(scan_id)s)
order by s.id desc;

-- name: ranks
-- The ranks of findings that a filter lets through, in order, after one. Where they stand is known already (`standing.sql`): with `open`
-- the decided ones are left out, and where `only` is given no others are taken. Confidences are computed as in `bi.findings`, which would
-- be slow to read for all of them. Hidden people are left out.
select f.rank
from facedb.finding f
left join unnest(%(decided)s::integer[], %(agrees)s::boolean[]) as d (rank, agrees) on d.rank = f.rank
left join facedb.lesson l on l.scan_id = f.scan_id and l.class = f.class and d.rank is null
cross join lateral (
    select case when d.agrees is null then facedb.taught(f.confidence, l.base, l.slope)
                else facedb.taught((d.agrees = (f.class <> 'look-alike'))::integer, 0, 1) end as confidence
) c
where f.scan_id = %(scan_id)s and f.rank > %(after)s
  and (not %(open)s or d.rank is null) and (%(only)s::integer[] is null or f.rank in (select unnest(%(only)s::integer[])))
  and (%(class)s::text is null or f.class = %(class)s)
  and (%(identity_id)s::integer is null or %(identity_id)s in (f.identity_a, f.identity_b))
  and (%(least)s::real is null or c.confidence >= %(least)s)
  and (%(most)s::real is null or c.confidence < %(most)s)
  and (%(dataset)s::text is null or exists (
      select from facedb.identity n join facedb.dataset d on d.id = n.dataset_id
      where n.id in (f.identity_a, f.identity_b) and d.name = %(dataset)s
  ) or f.identity_a is null and %(dataset)s = (
      select d.name from facedb.finding_face w
      join facedb.face t on t.id = w.face_id join facedb.image i on i.id = t.image_id join facedb.source s on s.id = i.source_id
      join facedb.dataset d on d.id = s.dataset_id
      where w.scan_id = f.scan_id and w.rank = f.rank order by w.face_id limit 1
  ))
  and (%(words)s::text is null or exists (
      select from facedb.identity n where n.id in (f.identity_a, f.identity_b) and n.name ilike %(words)s
  ) or exists (
      select from facedb.finding_face w join facedb.face t on t.id = w.face_id join facedb.image i on i.id = t.image_id
      where w.scan_id = f.scan_id and w.rank = f.rank and i.identity_id is null and i.path ilike %(words)s
  ))
  and f.rank not in (select h.rank from bi.hidden_findings h where h.scan_id = %(scan_id)s)
order by f.rank limit %(limit)s;

-- name: cases
-- Some findings in the order of their rank, with names and two faces that stand for them.
select f.rank, f.told_class, f.confidence, f.state, f.verdict, f.agrees, f.verdict_by, coalesce(f.verdict_id, 0),
       f.identity_a_id, f.identity_a, f.dataset_a, f.identity_b_id, f.identity_b, f.dataset_b, f.max_score,
       array(select w.face_id from facedb.finding_face w
             join facedb.face t on t.id = w.face_id join facedb.image i on i.id = t.image_id
             where w.scan_id = f.scan_id and w.rank = f.rank
             order by array_position('{wrong,copy,example}', w.role), i.identity_id is distinct from f.identity_a_id, w.face_id limit 2)
       || case when f.told_class in ('stray', 'mixed', 'unlabelled') then array(
             select t.id from facedb.image i join facedb.face t on t.image_id = i.id
             where i.identity_id = case when f.told_class = 'unlabelled' then f.identity_a_id
                                        else coalesce(f.identity_b_id, f.identity_a_id) end
               and i.status = 'ready' order by t.id limit 1) else '{}' end
from facedb.findings_of(%(scan_id)s, %(ranks)s) f
order by f.rank;

-- name: progress
-- How far the review of a scan is, by class and state: of what is not simply open it was asked before (`standing.sql`).
select f.class, coalesce(s.state, 'open'), s.agrees, count(*)
from facedb.finding f
left join unnest(%(ranks)s::integer[], %(states)s::text[], %(agrees)s::boolean[]) as s (rank, state, agrees) on s.rank = f.rank
where f.scan_id = %(scan_id)s
  and f.rank not in (select h.rank from bi.hidden_findings h where h.scan_id = %(scan_id)s)
group by 1, 2, 3;

-- name: pace
-- Decisions of a sitting that count, all of them and those of the last ten minutes, and when the first of those was made.
select count(*), count(*) filter (where decided_at > now() - interval '10 minutes'),
       extract(epoch from now() - min(decided_at) filter (where decided_at > now() - interval '10 minutes'))
from facedb.decision where sitting_id = %(sitting_id)s and undone_at is null;
