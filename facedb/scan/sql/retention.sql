-- name: kept_scans
-- Every scan, and why it stays: null where it may go. Those that are compared with each other are those of one contract and one
-- choice of faces, counted from the newest finished one.
with ranked as (
    select s.id, s.status, s.model_id, s.scope,
           row_number() over (partition by s.model_id, s.scope, s.status order by s.id desc) as place,
           row_number() over (partition by s.model_id, s.scope, s.status order by s.threshold, s.id desc) as depth
    from facedb.scan s
)
select r.id, r.status,
       case
           when r.status = 'running' then 'it is under way'
           when r.status = 'finished' and r.place <= %(keep)s then 'it is one of the newest'
           when r.status = 'finished' and r.depth = 1 then 'it has the lowest threshold, so others can build on it'
           when exists (select from facedb.scan o where o.base_scan_id = r.id and o.status = 'running') then 'a scan under way builds on it'
           when exists (select from facedb.verdict v where v.scan_id = r.id) or exists (select from facedb.decision d where d.scan_id = r.id)
               then 'verdicts rest on it'
           when exists (select from facedb.evaluation e where e.scan_id = r.id) then 'an evaluation rests on it'
           when exists (select from facedb.plan p where p.scan_id = r.id) then 'a plan rests on it'
       end as reason,
       coalesce(pg_total_relation_size(to_regclass('facedb.flagged_pair_' || r.id)), 0)
from ranked r order by r.id;

-- name: drop_scan
-- A scan with its pairs, links, findings, histograms and ledger.
select facedb.drop_scan(%(scan_id)s);

-- name: scans_of_model
-- The scans under a contract, and whether anything else than itself rests on one.
select s.id,
       exists (select from facedb.verdict v where v.scan_id = s.id) or exists (select from facedb.evaluation e where e.scan_id = s.id)
       or exists (select from facedb.plan p where p.scan_id = s.id)
from facedb.scan s where s.model_id = %(model_id)s order by s.id;

-- name: embeddings_of_model
-- How many faces a contract has embedded.
select count(*) from facedb.embedding where model_id = %(model_id)s;

-- name: drop_model
-- A contract with its embeddings; remembered choices of it go with it.
select facedb.drop_model(%(model_id)s);
