-- Where the findings of a scan stood when that was last found out, so that the next to ask finds out only what came since. A projection:
-- what is decided says bi.findings, and whoever deletes these rows loses time and nothing else.
create table facedb.standing (
    scan_id integer primary key references facedb.scan on delete cascade,
    verdicts bigint not null,
    newest bigint not null,
    rest text not null
);
comment on table facedb.standing is 'From what it was found out where the findings of a scan stand; deleted at no loss but time.';
comment on column facedb.standing.scan_id is 'The scan.';
comment on column facedb.standing.verdicts is 'How many verdicts there were.';
comment on column facedb.standing.newest is 'The newest of them; 0: none.';
comment on column facedb.standing.rest is 'What else it rests on: the changes of images, and the findings, by the transactions that wrote them.';

create table facedb.standing_finding (
    scan_id integer not null references facedb.standing on delete cascade,
    rank integer not null,
    state text not null check (state in ('decided', 'unsure')),
    agrees boolean,
    primary key (scan_id, rank)
);
comment on table facedb.standing_finding is 'The findings of a scan that were not simply open then.';
comment on column facedb.standing_finding.scan_id is 'The scan.';
comment on column facedb.standing_finding.rank is 'The finding.';
comment on column facedb.standing_finding.state is 'decided or unsure.';
comment on column facedb.standing_finding.agrees is 'Whether people found it right; null where they did not say.';
