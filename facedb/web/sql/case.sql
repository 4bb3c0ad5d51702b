-- name: finding
-- One finding with names, where it stands, and the contract and threshold of its scan.
select f.rank, f.class, c.confidence, c.uncalibrated, f.identity_a, na.name, da.name, da.id, f.identity_b, nb.name, db.name,
       f.faces_a, f.faces_b, f.size_a, f.size_b, f.max_score, f.mean_score, f.own_score, f.hash_distance, f.swap_rank, f.detail,
       c.state, c.verdict, c.verdict_by, c.verdict_at,
       c.hidden, s.model_id, s.threshold
from facedb.finding f
join facedb.scan s on s.id = f.scan_id
join facedb.findings_of(%(scan_id)s, array[%(rank)s::integer]) c on c.rank = f.rank
left join facedb.identity na on na.id = f.identity_a
join facedb.dataset da on da.id = coalesce(na.dataset_id, (
    select o.dataset_id from facedb.finding_face w
    join facedb.face t on t.id = w.face_id join facedb.image i on i.id = t.image_id join facedb.source o on o.id = i.source_id
    where w.scan_id = f.scan_id and w.rank = f.rank order by w.face_id limit 1
))
left join facedb.identity nb on nb.id = f.identity_b left join facedb.dataset db on db.id = nb.dataset_id
where f.scan_id = %(scan_id)s and f.rank = %(rank)s;

-- name: finding_faces
-- The faces that a finding is about.
select face_id, role from facedb.finding_face where scan_id = %(scan_id)s and rank = %(rank)s
order by array_position('{wrong,copy,example}', role), face_id;

-- name: subject
-- What a finding is about.
select f.class, f.identity_a, f.identity_b, (
    select d.name from facedb.dataset d where d.id = coalesce((select n.dataset_id from facedb.identity n where n.id = f.identity_a), (
        select o.dataset_id from facedb.finding_face w
        join facedb.face t on t.id = w.face_id join facedb.image i on i.id = t.image_id join facedb.source o on o.id = i.source_id
        where w.scan_id = f.scan_id and w.rank = f.rank order by w.face_id limit 1
    )))
from facedb.finding f where f.scan_id = %(scan_id)s and f.rank = %(rank)s;

-- name: last_word
-- The newest verdict on what a finding is about, also one that was withdrawn; 0 while nobody said anything.
with subject as (
    select f.class, least(f.identity_a, f.identity_b) as low, greatest(f.identity_a, f.identity_b) as high,
           array(select a.image_id from facedb.finding_face o join facedb.face a on a.id = o.face_id
                 where o.scan_id = f.scan_id and o.rank = f.rank and o.role in ('wrong', 'copy')) as images
    from facedb.finding f where f.scan_id = %(scan_id)s and f.rank = %(rank)s
)
select greatest(
    (select max(v.id) from facedb.verdict v, subject s
     where s.class in ('merge', 'look-alike') and v.kind = 'link' and v.identity_a = s.low and v.identity_b = s.high),
    (select max(v.id) from facedb.verdict v, subject s
     where s.class not in ('merge', 'look-alike') and v.image_a = any(s.images)
       and (v.kind = 'face' or (s.class = 'duplicate' and v.kind = 'pair' and v.image_b = any(s.images)))),
    0
);

-- name: next_best
-- Identities that the folder of a stray is linked with besides the one it resembles, the strongest links first.
select n.id, n.name, d.name
from (
    select case when l.identity_a = %(identity_a)s then l.identity_b else l.identity_a end as id, l.max_score
    from facedb.link l
    where l.scan_id = %(scan_id)s and %(identity_a)s in (l.identity_a, l.identity_b)
) k
join facedb.identity n on n.id = k.id join facedb.dataset d on d.id = n.dataset_id
where k.id is distinct from %(identity_b)s and not exists (select from facedb.hidden_identity h where h.identity_id = k.id)
order by k.max_score desc limit 3;

-- name: name_that_stays
-- Of two identities of one dataset the one whose name a plan would keep: whose name was said last to stay, else the one with more images,
-- else the older one.
select n.id from facedb.identity n
where n.id in (%(identity_a)s, %(identity_b)s)
  and (select count(distinct o.dataset_id) from facedb.identity o where o.id in (%(identity_a)s, %(identity_b)s)) = 1
order by n.id is not distinct from (
             select v.target_identity from facedb.verdict v
             where v.kind = 'link' and v.identity_a = least(%(identity_a)s, %(identity_b)s)
               and v.identity_b = greatest(%(identity_a)s, %(identity_b)s)
             order by v.id desc limit 1
         ) desc,
         (select count(*) from facedb.image i where i.identity_id = n.id and i.status = 'ready') desc, n.id
limit 1;
