-- name: noisiest
-- Identities by the findings that name them: how many are likelier than not, and what is expected of them in all. Nobody is asked about
-- hidden people, so what names them as well does not count.
select n.id, n.name, d.name, count(*), sum(f.confidence)::real,
       (select c.id from facedb.image i join facedb.face c on c.image_id = i.id
        where i.identity_id = n.id and i.status = 'ready' order by c.id limit 1)
from bi.findings f
join facedb.identity n on n.id = f.identity_a_id or (n.id = f.identity_b_id and f.told_class in ('merge', 'look-alike'))
join facedb.dataset d on d.id = n.dataset_id
where f.scan_id = %(scan_id)s and f.confidence >= 0.5 and f.told_class not in ('look-alike', 'unlabelled')
  and not f.hidden
group by n.id, d.id order by sum(f.confidence) desc, count(*) desc, n.name limit %(limit)s;

-- name: reject_counts
-- Why files did not become faces, and how many.
select code, count(*), min(detail) from bi.rejects where outcome = 'rejected' group by 1 order by 2 desc, 1;

-- name: rejects
-- Files that did not become faces, some of each reason.
select image_id, dataset, identity, path, code, detail from (
    select r.*, row_number() over (partition by code order by dataset, path) as number from bi.rejects r
    where outcome = 'rejected' and (%(code)s::text is null or code = %(code)s)
) r
where number <= %(each)s order by code, number limit 200;

-- name: likely
-- Findings of a scan by class, and those likelier than not.
select told_class, count(*), count(*) filter (where confidence >= 0.5) from bi.findings where scan_id = %(scan_id)s group by 1;

-- name: pulse
-- What changes while somebody looks: the newest verdict, scan and plan, and how many embeddings were ever numbered.
select (select coalesce(max(id), 0) from facedb.verdict), (select coalesce(max(id), 0) from facedb.scan where status = 'finished'),
       (select last_value from facedb.embedding_id), (select coalesce(max(id), 0) from facedb.plan);

-- name: running
-- Scans that somebody works on right now: a tile of them is claimed.
select s.id, m.name, count(*) filter (where t.status = 'done'), count(*)
from facedb.scan s join facedb.model m on m.id = s.model_id join facedb.scan_tile t on t.scan_id = s.id
where s.status = 'running' group by s.id, m.id
having bool_or(t.status = 'claimed' and t.leased_until > clock_timestamp()) order by s.id;
