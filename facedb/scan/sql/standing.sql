-- name: version
-- What where findings stand depends on: the verdicts, which are only added to or forgotten; images, whose changes are noted and counted;
-- and the findings, which can be told again.
select (select count(*) from facedb.verdict), (select coalesce(max(id), 0) from facedb.verdict),
       coalesce((select string_agg(transaction::text, ' ' order by transaction) from facedb.uncounted where what = 'outcomes'), '')
       || coalesce((select '/' || xmin::text from facedb.outcome_count limit 1), '')
       || coalesce((select '/' || f.xmin::text || '/' || f.rank from facedb.finding f where f.scan_id = %(scan_id)s order by f.rank desc limit 1), '');

-- name: said_between
-- How many verdicts came after one, up to another.
select count(*) from facedb.verdict where id > %(since)s and id <= %(newest)s;

-- name: concerned
-- The ranks of all findings of a scan that what was said after a verdict can concern, and maybe some more: those that name somebody of
-- whom something was said, or whoever was ever called the same as they, and those about the photos, wherever these lie by now.
with word as materialized (
    select v.kind, v.identity_a, v.identity_b, v.image_a, v.image_b, v.sha256_a, v.sha256_b from facedb.verdict v where v.id > %(since)s
),
photo as materialized (
    select w.image_a as id, w.sha256_a as sha256 from word w where w.image_a is not null
    union
    select w.image_b, w.sha256_b from word w where w.image_b is not null
),
before as (
    select v.identity_a from photo p join facedb.verdict v on v.image_a = p.id
    union
    select v.identity_a from photo p join facedb.verdict v on v.sha256_a = p.sha256
),
named as (
    select identity_a as id from word where identity_a is not null
    union
    select identity_b from word where identity_b is not null
    union
    select identity_a from before where identity_a is not null
),
near (id) as materialized (
    select c from facedb.called_same(array(select id from named)) c
)
select f.rank from near n join facedb.finding f on f.identity_a = n.id where f.scan_id = %(scan_id)s
union
select f.rank from near n join facedb.finding f on f.identity_b = n.id where f.scan_id = %(scan_id)s
union
select w.rank from photo p join facedb.face c on c.image_id = p.id join facedb.finding_face w on w.face_id = c.id
where w.scan_id = %(scan_id)s
union
select w.rank from photo p join facedb.image i on i.sha256 = p.sha256 join facedb.face c on c.image_id = i.id
join facedb.finding_face w on w.face_id = c.id
where w.scan_id = %(scan_id)s;

-- name: standing
-- Where some findings stand, of those that are not simply open.
select rank, state, agrees from facedb.findings_of(%(scan_id)s, %(ranks)s) where state <> 'open';

-- name: standing_whole
-- Where all findings of a scan stand, of those that are not simply open.
select rank, state, agrees from bi.findings where scan_id = %(scan_id)s and state <> 'open';

-- name: kept
-- What was found out before, in one look: who keeps it changes several rows.
select s.verdicts, s.newest, s.rest, f.rank, f.state, f.agrees
from facedb.standing s left join facedb.standing_finding f on f.scan_id = s.scan_id
where s.scan_id = %(scan_id)s;

-- name: pairs_stay
-- Whoever removes a scan holds the flagged pairs alone first, then the scan, then what goes with it, its lessons before where it stands.
-- All who write these ask for them in the same order, or two would wait for each other.
lock table only facedb.flagged_pair in access share mode;

-- name: hold_scans
-- Scans that are not pruned until this transaction ends.
select id from facedb.scan where id = any(%(scan_ids)s) order by id for key share;

-- name: keep_alone
-- Two who keep what they found would mix it; readers do not wait.
lock table facedb.standing in share row exclusive mode;

-- name: keep
-- Write from what it was found out.
insert into facedb.standing (scan_id, verdicts, newest, rest) values (%(scan_id)s, %(verdicts)s, %(newest)s, %(rest)s)
on conflict (scan_id) do update set verdicts = excluded.verdicts, newest = excluded.newest, rest = excluded.rest;

-- name: forget_findings
-- Findings that are open again, or stand differently now.
delete from facedb.standing_finding where scan_id = %(scan_id)s and rank = any(%(ranks)s);

-- name: keep_findings
-- Findings and where they stand.
insert into facedb.standing_finding (scan_id, rank, state, agrees)
select %(scan_id)s, t.* from unnest(%(ranks)s::integer[], %(states)s::text[], %(agrees)s::boolean[]) t;
