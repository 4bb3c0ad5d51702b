-- Where every finding stands: the newest word on its subject decides, whoever said it and wherever.
create view bi.review_cases as
select f.scan_id, f.rank, f.class, f.confidence, f.identity_a as identity_a_id, f.identity_b as identity_b_id,
       coalesce(l.verdict, w.verdict, c.verdict) as answer,
       case
           when coalesce(l.verdict, w.verdict, c.verdict) is null then 'open'
           when coalesce(l.verdict, w.verdict, c.verdict) = 'unsure' then 'unsure'
           when w.faces > w.said then 'open'
           -- A link that was called different comes back when more of its pairs are flagged and images are new since, as in bi.links.
           when l.verdict = 'different' and l.scan_id is distinct from f.scan_id and exists (
               select from facedb.link k
               where k.scan_id = f.scan_id and k.identity_a = least(f.identity_a, f.identity_b)
                 and k.identity_b = greatest(f.identity_a, f.identity_b) and k.pairs > coalesce(l.pairs, 0)
           ) and exists (
               select from facedb.image i
               where i.identity_id in (f.identity_a, f.identity_b) and i.status = 'ready'
                 and ('x' || encode(substr(i.sha256, 1, 8), 'hex'))::bit(64)::bigint <> all (l.known_images)
           ) then 'open'
           else 'decided'
       end as state,
       case
           when f.class = 'merge' then case l.verdict when 'same' then true when 'different' then false end
           when f.class = 'look-alike' then case l.verdict when 'different' then true when 'same' then false end
           when f.class = 'duplicate' then case c.verdict when 'duplicate' then true when 'same' then false when 'different' then false end
           else case w.verdict when 'wrong-identity' then true when 'same' then false end
       end as agrees,
       coalesce(l.id, w.id, c.id) as verdict_id, coalesce(l.said_by, w.said_by, c.said_by) as said_by,
       coalesce(l.said_at, w.said_at, c.said_at) as said_at,
       exists (select from facedb.hidden_identity h where h.identity_id in (f.identity_a, f.identity_b)) as hidden
from facedb.finding f
join facedb.scan s on s.id = f.scan_id and s.status = 'finished'
left join lateral (
    -- The class is asked for inside, so that nothing is looked up for findings of other classes.
    select v.id, v.verdict, v.said_by, v.said_at, v.scan_id, v.pairs, v.known_images from facedb.verdict v
    where f.class in ('merge', 'look-alike') and v.kind = 'link' and v.identity_a = least(f.identity_a, f.identity_b) and v.identity_b = greatest(f.identity_a, f.identity_b)
    order by v.id desc limit 1
) l on l.verdict <> 'withdrawn'
left join lateral (
    select count(*) as faces, count(n.id) as said, max(n.id) as id,
           case when bool_or(n.verdict = 'wrong-identity') then 'wrong-identity' else (array_agg(n.verdict order by n.id desc))[1] end as verdict,
           (array_agg(n.said_by order by n.id desc))[1] as said_by, max(n.said_at) as said_at
    from facedb.finding_face o
    join facedb.face a on a.id = o.face_id
    join facedb.image i on i.id = a.image_id
    left join lateral (
        select v.id, v.verdict, v.said_by, v.said_at from facedb.verdict v
        where v.kind = 'face' and v.identity_a = f.identity_a
          and (v.image_a = i.id or (v.sha256_a = i.sha256 and not exists (select from facedb.image g where g.id = v.image_a)))
        order by v.id desc limit 1
    ) n on n.verdict <> 'withdrawn'
    where f.class in ('stray', 'mixed') and o.scan_id = f.scan_id and o.rank = f.rank and o.role = 'wrong'
    having count(n.id) > 0
) w on true
left join lateral (
    select n.id, n.verdict, n.said_by, n.said_at
    from (select array_agg(distinct a.image_id) as ids from facedb.finding_face o join facedb.face a on a.id = o.face_id
          where f.class = 'duplicate' and o.scan_id = f.scan_id and o.rank = f.rank and o.role = 'copy') m
    cross join lateral (
        select distinct on (v.kind, v.image_a, v.image_b) v.id, v.kind, v.verdict, v.said_by, v.said_at from facedb.verdict v
        where v.image_a = any (m.ids) and ((v.kind = 'pair' and v.image_b = any (m.ids)) or v.kind = 'face')
        order by v.kind, v.image_a, v.image_b, v.id desc
    ) n
    where n.verdict <> 'withdrawn' and (n.kind = 'pair' or n.verdict = 'duplicate')
    order by n.id desc limit 1
) c on true;
comment on view bi.review_cases is 'Where every finding of a finished scan stands with the people who review.';
comment on column bi.review_cases.scan_id is 'Key of the scan.';
comment on column bi.review_cases.rank is 'Rank of the finding.';
comment on column bi.review_cases.class is 'Its class.';
comment on column bi.review_cases.confidence is '0 to 1.';
comment on column bi.review_cases.identity_a_id is 'Key of identity a.';
comment on column bi.review_cases.identity_b_id is 'Key of identity b; null when there is none.';
comment on column bi.review_cases.answer is 'What was said last: same, different, unsure, wrong-identity or duplicate; null when nothing was.';
comment on column bi.review_cases.state is 'open, unsure or decided; open also where only some of its images were answered, or new images joined a link that was called different.';
comment on column bi.review_cases.agrees is 'Whether people found it right; null while they did not say.';
comment on column bi.review_cases.verdict_id is 'Key of that verdict.';
comment on column bi.review_cases.said_by is 'Who said it.';
comment on column bi.review_cases.said_at is 'When.';
comment on column bi.review_cases.hidden is 'Whether one of its identities was hidden from review.';
