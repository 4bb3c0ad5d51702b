-- What a verdict can say besides ---------------------------------------------------------------------------------------

alter table facedb.verdict drop constraint verdict_fits_its_kind;
alter table facedb.verdict add constraint verdict_fits_its_kind check (
    case kind
        when 'link' then verdict in ('same', 'different', 'unsure', 'withdrawn')
        when 'pair' then verdict in ('same', 'different', 'unsure', 'duplicate', 'withdrawn')
        else verdict in ('same', 'unsure', 'wrong-identity', 'duplicate', 'withdrawn')
    end
);
alter table facedb.verdict drop constraint verdict_only_wrong_faces_have_a_target;
alter table facedb.verdict add constraint verdict_target_fits check (
    target_identity is null
    or (verdict = 'wrong-identity' and target_identity <> identity_a)
    or (kind = 'link' and verdict = 'same' and target_identity in (identity_a, identity_b))
);
comment on column facedb.verdict.verdict is 'same, different, unsure, duplicate, wrong-identity or withdrawn (nothing is said any more); of a face, same says that its label is right.';
comment on column facedb.verdict.target_identity is 'Of a wrongly labelled image where it belongs; of two identities that are the same the one whose name stays; null when nobody said.';
create index verdict_by_sha256_a on facedb.verdict (sha256_a) where sha256_a is not null;

-- The review page -----------------------------------------------------------------------------------------------------

create table facedb.sitting (
    id bigint generated always as identity primary key,
    reviewer text not null check (reviewer <> ''),
    started_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp()
);
comment on table facedb.sitting is 'One reviewer at one browser, from signing in until the page is left.';
comment on column facedb.sitting.id is 'Key.';
comment on column facedb.sitting.reviewer is 'Who: the name that stands behind the verdicts.';
comment on column facedb.sitting.started_at is 'When it began.';
comment on column facedb.sitting.seen_at is 'When the page was heard of last.';

create table facedb.case_claim (
    sitting_id bigint primary key references facedb.sitting on delete cascade,
    scan_id integer not null,
    rank integer not null,
    seen_at timestamptz not null default clock_timestamp(),
    foreign key (scan_id, rank) references facedb.finding on delete cascade
);
create index case_claim_by_case on facedb.case_claim (scan_id, rank);
comment on table facedb.case_claim is 'The finding that a sitting has open; a hint for others, no lock.';
comment on column facedb.case_claim.sitting_id is 'The sitting; it has one finding open at a time.';
comment on column facedb.case_claim.scan_id is 'The scan of the finding.';
comment on column facedb.case_claim.rank is 'Its rank.';
comment on column facedb.case_claim.seen_at is 'When the page said so last; an old claim counts for nothing.';

create table facedb.decision (
    id bigint generated always as identity primary key,
    sitting_id bigint not null references facedb.sitting on delete cascade,
    batch bigint not null,
    scan_id integer references facedb.scan on delete set null,
    rank integer,
    class text not null,
    answer text not null,
    agrees boolean,
    decided_at timestamptz not null default clock_timestamp(),
    undone_at timestamptz
);
create index decision_by_sitting on facedb.decision (sitting_id, id desc);
create index decision_by_scan on facedb.decision (scan_id, rank) where scan_id is not null;
comment on table facedb.decision is 'One answer that a reviewer gave on the page; it became one or several verdicts.';
comment on column facedb.decision.id is 'Key.';
comment on column facedb.decision.sitting_id is 'The sitting, and with it the reviewer.';
comment on column facedb.decision.batch is 'Decisions that were made, and are undone, together share it: the key of the first.';
comment on column facedb.decision.scan_id is 'The scan of the finding that was answered; null when that scan is gone, or when no finding was.';
comment on column facedb.decision.rank is 'The rank of that finding.';
comment on column facedb.decision.class is 'Its class, or image for a decision outside of findings.';
comment on column facedb.decision.answer is 'same, different, unsure, wrong-identity or duplicate.';
comment on column facedb.decision.agrees is 'Whether the finding was right; null where the answer leaves that open.';
comment on column facedb.decision.decided_at is 'When.';
comment on column facedb.decision.undone_at is 'When it was taken back; null while it counts.';

create table facedb.decision_verdict (
    decision_id bigint not null references facedb.decision on delete cascade,
    verdict_id bigint not null references facedb.verdict on delete cascade,
    primary key (decision_id, verdict_id)
);
create index decision_verdict_by_verdict on facedb.decision_verdict (verdict_id);
comment on table facedb.decision_verdict is 'The verdicts that a decision became.';
comment on column facedb.decision_verdict.decision_id is 'The decision.';
comment on column facedb.decision_verdict.verdict_id is 'The verdict.';

create table facedb.hidden_identity (
    identity_id integer primary key references facedb.identity on delete cascade,
    hidden_by text not null check (hidden_by <> ''),
    hidden_at timestamptz not null default clock_timestamp()
);
comment on table facedb.hidden_identity is 'People whom nobody wants to be asked about again: the review page shows no finding, face or name of theirs.';
comment on column facedb.hidden_identity.identity_id is 'The identity.';
comment on column facedb.hidden_identity.hidden_by is 'Who hid it.';
comment on column facedb.hidden_identity.hidden_at is 'When.';
