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

-- name: cases
-- Findings in the order of their rank after one, as far as another, with names and two faces that stand for them; hidden people are
-- left out.
select c.rank, c.class, c.confidence, c.state, c.answer, c.agrees, c.said_by, coalesce(c.verdict_id, 0),
       c.identity_a_id, na.name, da.name, c.identity_b_id, nb.name, db.name, f.max_score,
       array(select w.face_id from facedb.finding_face w
             join facedb.face t on t.id = w.face_id join facedb.image i on i.id = t.image_id
             where w.scan_id = c.scan_id and w.rank = c.rank
             order by array_position('{wrong,copy,example}', w.role), i.identity_id is distinct from c.identity_a_id, w.face_id limit 2)
       || case when c.class in ('stray', 'mixed', 'unlabelled') then array(
             select t.id from facedb.image i join facedb.face t on t.image_id = i.id
             where i.identity_id = case when c.class = 'unlabelled' then c.identity_a_id else coalesce(c.identity_b_id, c.identity_a_id) end and i.status = 'ready' order by t.id limit 1) else '{}' end
from bi.review_cases c
join facedb.finding f on f.scan_id = c.scan_id and f.rank = c.rank
left join facedb.identity na on na.id = c.identity_a_id
join facedb.dataset da on da.id = coalesce(na.dataset_id, (
    select s.dataset_id from facedb.finding_face w
    join facedb.face t on t.id = w.face_id join facedb.image i on i.id = t.image_id join facedb.source s on s.id = i.source_id
    where w.scan_id = c.scan_id and w.rank = c.rank order by w.face_id limit 1
))
left join facedb.identity nb on nb.id = c.identity_b_id left join facedb.dataset db on db.id = nb.dataset_id
where c.scan_id = %(scan_id)s and c.rank > %(after)s and c.rank <= %(until)s and not c.hidden
  and (%(class)s::text is null or c.class = %(class)s)
  and (%(dataset)s::text is null or %(dataset)s in (da.name, db.name))
  and (%(identity_id)s::integer is null or %(identity_id)s in (c.identity_a_id, c.identity_b_id))
  and (%(words)s::text is null or na.name ilike %(words)s or nb.name ilike %(words)s or exists (
      select from facedb.finding_face w join facedb.face t on t.id = w.face_id join facedb.image i on i.id = t.image_id
      where w.scan_id = c.scan_id and w.rank = c.rank and i.identity_id is null and i.path ilike %(words)s))
  and (%(least)s::real is null or c.confidence >= %(least)s)
  and (%(most)s::real is null or c.confidence < %(most)s)
  and (%(state)s = 'all' or (%(state)s = 'open' and c.state <> 'decided') or c.state = %(state)s)
order by c.rank limit %(limit)s;

-- name: last_rank
-- The last rank of a scan.
select coalesce(max(rank), 0) from facedb.finding where scan_id = %(scan_id)s;

-- name: decided_by_others
-- The ranks of findings of a scan that what was said of others may decide: two that are the same as a third, folders whose every
-- photo belongs elsewhere, the photos of a pair.
select f.rank from facedb.finding f
where f.scan_id = %(scan_id)s
  and f.identity_a in (select unnest(array[v.identity_a, v.identity_b]) from facedb.verdict v where v.kind = 'link')
  and f.identity_b in (select unnest(array[v.identity_a, v.identity_b]) from facedb.verdict v where v.kind = 'link')
union
select f.rank from facedb.finding f join facedb.verdict v on v.identity_a in (f.identity_a, f.identity_b)
where f.scan_id = %(scan_id)s and f.class in ('merge', 'look-alike') and v.kind <> 'link'
union
select w.rank from facedb.finding_face w
join facedb.face a on a.id = w.face_id join facedb.verdict v on a.image_id in (v.image_a, v.image_b) and v.kind = 'pair'
where w.scan_id = %(scan_id)s;

-- name: progress
-- How far the review of a scan is, by class and state. Only what some verdict may decide is looked at closely; the rest is open.
with looked_at as (
    select c.class, c.state, c.agrees, count(*) as findings from bi.review_cases c
    where c.scan_id = %(scan_id)s and c.rank = any(%(ranks)s) and not c.hidden group by 1, 2, 3
), every as (
    select f.class, count(*) as findings from facedb.finding f
    where f.scan_id = %(scan_id)s
      and not exists (select from facedb.hidden_identity h where h.identity_id in (f.identity_a, f.identity_b))
    group by 1
)
select class, state, agrees, findings from looked_at
union all
select e.class, 'open', null, e.findings - coalesce((select sum(l.findings) from looked_at l where l.class = e.class), 0) from every e;

-- name: pace
-- Decisions of a sitting that count, all of them and those of the last ten minutes, and when the first of those was made.
select count(*), count(*) filter (where decided_at > now() - interval '10 minutes'),
       extract(epoch from now() - min(decided_at) filter (where decided_at > now() - interval '10 minutes'))
from facedb.decision where sitting_id = %(sitting_id)s and undone_at is null;
