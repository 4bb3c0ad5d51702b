-- name: cases
-- Findings of a scan by rank, with what people said of them; images without a label are of the identity ''. Those that name somebody who
-- was hidden from review only by their ranks. (Composed: identities.)
select f.rank, f.class, f.confidence, f.uncalibrated, coalesce(f.identity_a_id, 0),
       coalesce({identity_a}, ''), f.identity_b_id, {identity_b},
       f.faces_a, f.faces_b, f.size_a, f.size_b, f.max_score, f.mean_score, f.detail, f.verdict, f.verdict_by, f.verdict_note,
       (select s.model_id from facedb.scan s where s.id = f.scan_id)
from bi.findings f
where f.scan_id = %(scan_id)s and (%(ranks)s::integer[] is null or f.rank = any(%(ranks)s))
  and (not %(only_open)s or f.state <> 'decided')
  and (%(ranks)s::integer[] is not null or not f.hidden)
order by f.rank limit %(limit)s;

-- name: members
-- The faces that a finding is about.
select face_id, role from facedb.finding_face where scan_id = %(scan_id)s and rank = %(rank)s
order by array_position('{wrong,copy,example}', role), face_id;

-- name: side
-- Faces of an identity, those first that score highest in flagged pairs with the faces in question, or with those of another identity;
-- photos outside of folders make no pairs: there the nearest face is known.
with side as (
    select f.id from facedb.image i
    join facedb.face f on f.image_id = i.id
    join facedb.embedding e on e.face_id = f.id and e.model_id = %(model_id)s
    where i.identity_id = %(identity)s and i.status = 'ready' and f.id <> all(%(own)s)
      and not exists (select from facedb.scan_face r where r.scan_id = %(scan_id)s and r.face_id = f.id and r.role in ('bystander', 'again'))
    order by f.id limit 400
),
against as materialized (
    select o as id from unnest(%(own)s::bigint[]) as o
    union
    select f.id from facedb.image i join facedb.face f on f.image_id = i.id
    where %(against)s::integer is not null and i.identity_id = %(against)s::integer
)
select s.id, best.score
from side s
left join lateral (
    select max(p.score) as score
    from (
        select q.score from facedb.flagged_pair q
        where q.scan_id = %(scan_id)s and q.face_a = s.id and q.face_b in (select id from against)
        union all
        select q.score from facedb.flagged_pair q
        where q.scan_id = %(scan_id)s and q.face_b = s.id and q.face_a in (select id from against)
    ) p
) best on true
order by best.score desc nulls last, s.id = any(%(nearest)s) desc, s.id limit %(limit)s;

-- name: faces
-- Faces with their labels, and where their photos are.
select f.id, n.name, i.id, s.root, i.path, i.container, i.container_offset, i.container_length, i.sha256, i.status, f.box, f.landmarks,
       s.format, i.width, i.height, i.bytes
from facedb.face f
join facedb.image i on i.id = f.image_id
join facedb.source s on s.id = i.source_id
left join facedb.identity n on n.id = i.identity_id
where f.id = any(%(ids)s);
