-- name: datasets
-- The datasets that a scan covers, and what became of their files.
select dataset, files, embedded, rejected, ignored, vanished, pending, identities from bi.datasets
where %(keys)s::integer[] is null or dataset_id = any(%(keys)s) order by dataset;

-- name: classes
-- Findings of a scan by class: all, likely, certain, decided; without those of hidden people.
select class, count(*), count(*) filter (where confidence >= %(likely)s), count(*) filter (where confidence >= %(certain)s),
       count(*) filter (where state = 'decided')
from bi.findings where scan_id = %(scan_id)s and not hidden
group by class order by min(rank);

-- name: rejects
-- Rejects of datasets by code, with one example of each that is not a file of hidden people.
with shown as (
    select r.code, case when h.identity_id is null then r.path end as path, case when h.identity_id is null then r.detail end as detail
    from bi.rejects r join facedb.image i on i.id = r.image_id left join facedb.hidden_identity h on h.identity_id = i.identity_id
    where r.dataset = any(%(datasets)s) and r.outcome <> 'ignored'
)
select code, count(*), coalesce(min(path), ''), coalesce((array_agg(detail order by path))[1], '') from shown group by code
order by count(*) desc, code;

-- name: leaks
-- People and photos of one dataset that are in another one, where a scan compared the two.
select l.dataset, l.other_dataset, l.people, l.photos from bi.leakage_summary l
where exists (
    select from bi.scan_coverage c
    join facedb.dataset a on a.name = l.dataset join facedb.dataset b on b.name = l.other_dataset
    where c.scan_id = %(scan_id)s and c.dataset_a_id = least(a.id, b.id) and c.dataset_b_id = greatest(a.id, b.id)
)
order by l.photos desc, l.people desc;

-- name: names
-- The names of all identities.
select distinct name from facedb.identity;

-- name: secret
-- The secret that makes pseudonyms: nobody who has only a report knows it.
select key from facedb.secret;

-- name: server
-- Versions.
select current_setting('server_version'), (select extversion from pg_extension where extname = 'vector');

-- name: times
-- When a scan began and ended.
select started_at, finished_at from facedb.scan where id = %(scan_id)s;
