alter table facedb.evaluation add calibration_error double precision;
comment on column facedb.evaluation.calibration_error is 'Expected calibration error: the mean over the findings of how far confidence and precision of their tenth are apart; null for evaluations from before facedb 0.2.';

create table facedb.evaluation_tenth (
    evaluation_id integer not null references facedb.evaluation on delete cascade,
    above double precision not null check (above between 0 and 1),
    findings integer not null check (findings > 0),
    confidence double precision not null check (confidence between 0 and 1),
    true_findings integer not null check (true_findings between 0 and findings),
    primary key (evaluation_id, above)
);
comment on table facedb.evaluation_tenth is 'Reliability: how often the findings of each tenth of the confidence were true. Findings about photos are left out.';
comment on column facedb.evaluation_tenth.evaluation_id is 'The evaluation.';
comment on column facedb.evaluation_tenth.above is 'The lower end of the tenth.';
comment on column facedb.evaluation_tenth.findings is 'Findings whose confidence lies in it.';
comment on column facedb.evaluation_tenth.confidence is 'Their mean confidence.';
comment on column facedb.evaluation_tenth.true_findings is 'Those that name a known mistake; of look-alikes, those of one person.';

alter table facedb.score_histogram add doubt double precision check (doubt >= 0);
comment on column facedb.score_histogram.doubt is 'What the bin adds to the variance of the mated pairs at or above it, since all pairs of two identities stand or fall together; null where it was not counted.';
