-- name: begin_sitting
-- A reviewer sits down.
insert into facedb.sitting (reviewer) values (%(reviewer)s) returning id;

-- name: claim
-- A sitting has a finding open, and no other one any more.
insert into facedb.case_claim (sitting_id, scan_id, rank)
select %(sitting_id)s, f.scan_id, f.rank from facedb.finding f where f.scan_id = %(scan_id)s and f.rank = %(rank)s
on conflict (sitting_id) do update set scan_id = excluded.scan_id, rank = excluded.rank, seen_at = clock_timestamp();

-- name: leave
-- A sitting has nothing open any more.
delete from facedb.case_claim where sitting_id = %(sitting_id)s;

-- name: claims
-- Who has which finding open right now.
select k.scan_id, k.rank, k.sitting_id, t.reviewer from facedb.case_claim k join facedb.sitting t on t.id = k.sitting_id
where k.seen_at > clock_timestamp() - interval '60 seconds' order by k.sitting_id;

-- name: claims_of
-- Who else has a finding open right now.
select t.reviewer from facedb.case_claim k join facedb.sitting t on t.id = k.sitting_id
where k.scan_id = %(scan_id)s and k.rank = %(rank)s and k.sitting_id <> %(sitting_id)s
  and k.seen_at > clock_timestamp() - interval '60 seconds' order by 1;

-- name: sitting_verdicts
-- The verdicts of a sitting that count.
select v.verdict_id from facedb.decision_verdict v join facedb.decision d on d.id = v.decision_id
where d.sitting_id = %(sitting_id)s and d.undone_at is null;
