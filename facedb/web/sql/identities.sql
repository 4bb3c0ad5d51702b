-- name: identity
-- One identity.
select n.id, n.name, d.id, d.name, n.created_at, h.hidden_by, h.hidden_at
from facedb.identity n join facedb.dataset d on d.id = n.dataset_id left join facedb.hidden_identity h on h.identity_id = n.id
where n.id = %(identity_id)s;

-- name: search
-- Identities whose name holds some words, those that begin with them first; hidden people are left out.
select n.id, n.name, d.name, (select count(*) from facedb.image i where i.identity_id = n.id and i.status = 'ready'),
       (select f.id from facedb.image i join facedb.face f on f.image_id = i.id
        where i.identity_id = n.id and i.status = 'ready' order by f.id limit 1)
from facedb.identity n join facedb.dataset d on d.id = n.dataset_id
where n.name ilike %(words)s and (%(dataset)s::text is null or d.name = %(dataset)s)
  and not exists (select from facedb.hidden_identity h where h.identity_id = n.id)
order by n.name ilike %(begins)s desc, lower(n.name), n.id limit %(limit)s;

-- name: links
-- Whom an identity is linked with in a scan, the strongest first.
select o.id, o.name, d.name, l.pairs, l.max_score, l.centroid_score, v.verdict, v.said_by
from (
    select case when identity_a = %(identity_id)s then identity_b else identity_a end as other, pairs, max_score, centroid_score,
           identity_a, identity_b
    from facedb.link where scan_id = %(scan_id)s and %(identity_id)s in (identity_a, identity_b)
) l
join facedb.identity o on o.id = l.other join facedb.dataset d on d.id = o.dataset_id
left join lateral (
    select verdict, said_by from facedb.verdict w
    where w.kind = 'link' and w.identity_a = l.identity_a and w.identity_b = l.identity_b order by w.id desc limit 1
) v on v.verdict <> 'withdrawn'
where not exists (select from facedb.hidden_identity h where h.identity_id = o.id)
order by l.max_score desc limit 50;

-- name: history
-- Everything that was said of an identity or an image of it, newest first, but for what names others who are hidden.
select v.id, v.kind, v.verdict, na.name, nb.name, t.name, ia.path, v.note, v.said_by, v.said_at
from facedb.verdict v
join facedb.identity na on na.id = v.identity_a left join facedb.identity nb on nb.id = v.identity_b
left join facedb.identity t on t.id = v.target_identity left join facedb.image ia on ia.id = v.image_a
where %(identity_id)s in (v.identity_a, v.identity_b, v.target_identity)
  and not exists (select from facedb.hidden_identity h
                  where h.identity_id in (v.identity_a, v.identity_b, v.target_identity) and h.identity_id <> %(identity_id)s)
order by v.id desc limit 100;

-- name: hide
-- Ask nobody about an identity again.
insert into facedb.hidden_identity (identity_id, hidden_by) values (%(identity_id)s, %(hidden_by)s) on conflict do nothing;

-- name: unhide
-- Ask again.
delete from facedb.hidden_identity where identity_id = %(identity_id)s;

-- name: hidden
-- Everybody who is hidden.
select n.id, n.name, d.name, h.hidden_by, h.hidden_at
from facedb.hidden_identity h join facedb.identity n on n.id = h.identity_id join facedb.dataset d on d.id = n.dataset_id
order by lower(n.name), n.id;

-- name: newest_scan_of
-- The newest finished scan that the dataset of an identity was in.
select s.id, s.model_id from facedb.scan s
join facedb.scan_dataset c on c.scan_id = s.id
join facedb.identity n on n.dataset_id = c.dataset_id and n.id = %(identity_id)s
where s.status = 'finished' order by s.id desc limit 1;

-- name: dataset_model
-- The contract that embedded a dataset last.
select e.model_id from facedb.embedding e join facedb.face f on f.id = e.face_id join facedb.image i on i.id = f.image_id
where i.identity_id = %(identity_id)s order by e.id desc limit 1;
