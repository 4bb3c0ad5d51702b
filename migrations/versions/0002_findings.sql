-- What a scan found --------------------------------------------------------------------------------------------------

create table facedb.finding (
    scan_id integer not null references facedb.scan on delete cascade,
    rank integer not null check (rank > 0),
    class text not null check (class in ('merge', 'stray', 'mixed', 'duplicate', 'look-alike')),
    confidence real not null check (confidence between 0 and 1),
    identity_a integer not null references facedb.identity on delete cascade,
    identity_b integer references facedb.identity on delete cascade,
    faces_a integer not null,
    faces_b integer not null,
    size_a integer not null,
    size_b integer not null,
    max_score real,
    mean_score real,
    own_score real,
    own_best real,
    own_usual real,
    own_spread real,
    sameness real,
    margin real,
    hash_distance smallint check (hash_distance between 0 and 64),
    group_number integer check (group_number > 0),
    group_lowest real,
    swap_rank integer,
    detail text not null,
    primary key (scan_id, rank),
    check (identity_a <> identity_b),
    check (faces_a between 1 and size_a),
    check (faces_b between 0 and size_b),
    constraint finding_between_two_has_both check (class not in ('merge', 'look-alike') or identity_b is not null),
    constraint finding_group_is_of_merges check (
        (group_number is null) = (group_lowest is null) and (group_number is null or class = 'merge')
    ),
    constraint finding_swap_is_of_strays check (swap_rank is null or class = 'stray')
);
create index finding_by_identity_a on facedb.finding (identity_a);
create index finding_by_identity_b on facedb.finding (identity_b) where identity_b is not null;
comment on table facedb.finding is 'A ranked statement of a scan for a person; written with the scan and immutable like it.';
comment on column facedb.finding.scan_id is 'The scan.';
comment on column facedb.finding.rank is '1 is what to look at first, across all classes.';
comment on column facedb.finding.class is 'merge: a and b are one person; stray: a face of a is not a; mixed: a holds two persons; duplicate: one photo twice; look-alike: a and b are close but separate.';
comment on column facedb.finding.confidence is '0 to 1, on one scale for all classes; the formula is in facedb/search/confidence.py.';
comment on column facedb.finding.identity_a is 'The identity that is said to be wrong, or the first of two.';
comment on column facedb.finding.identity_b is 'The other identity; of a stray or the second person the one it looks like; null when there is none.';
comment on column facedb.finding.faces_a is 'Faces of a concerned.';
comment on column facedb.finding.faces_b is 'Faces of b concerned.';
comment on column facedb.finding.size_a is 'Faces of a in the gallery.';
comment on column facedb.finding.size_b is 'Faces of b in the gallery; 0 without b.';
comment on column facedb.finding.max_score is 'Highest score: of the pairs between a and b; of a stray with b; between the groups of a mixed folder; of the copies.';
comment on column facedb.finding.mean_score is 'Mean score: of the flagged pairs between a and b; of a stray with the core of b; between the groups of a mixed folder. The lowest score between copies.';
comment on column facedb.finding.own_score is 'Mean score of a stray to the core of its folder; within the second group of a mixed folder.';
comment on column facedb.finding.own_best is 'Highest score of a stray to the core of its folder.';
comment on column facedb.finding.own_usual is 'Mean of the mean own scores of the faces in the core of a.';
comment on column facedb.finding.own_spread is 'Their standard deviation.';
comment on column facedb.finding.sameness is 'Mean score on the scale of this data: 0 for strangers, 1 for one person; to b, or between the groups of a mixed folder.';
comment on column facedb.finding.margin is 'Sameness to b less sameness to the own core.';
comment on column facedb.finding.hash_distance is 'Bits in which the perceptual hashes of copies differ, at most.';
comment on column facedb.finding.group_number is 'Merges with the same number are proposed together: each of the identities is close to every other one.';
comment on column facedb.finding.group_lowest is 'The lowest sameness between two members of the group.';
comment on column facedb.finding.swap_rank is 'The stray that points back: two photos may have been swapped.';
comment on column facedb.finding.detail is 'The evidence in a sentence.';

create table facedb.finding_face (
    scan_id integer not null,
    rank integer not null,
    face_id bigint not null references facedb.face on delete cascade,
    role text not null check (role in ('wrong', 'copy', 'example')),
    primary key (scan_id, rank, face_id),
    foreign key (scan_id, rank) references facedb.finding on delete cascade
);
create index finding_face_by_face on facedb.finding_face (face_id);
comment on table facedb.finding_face is 'The faces that a finding is about.';
comment on column facedb.finding_face.scan_id is 'The scan.';
comment on column facedb.finding_face.rank is 'The finding.';
comment on column facedb.finding_face.face_id is 'The face.';
comment on column facedb.finding_face.role is 'wrong: it belongs elsewhere; copy: one of several copies of a photo; example: the best evidence between two identities.';

-- How well mistakes are found ------------------------------------------------------------------------------------------

create table facedb.evaluation (
    id integer generated always as identity primary key,
    scan_id integer not null references facedb.scan on delete cascade,
    kind text not null check (kind in ('inject', 'truth')),
    spec text not null,
    seed bigint,
    threshold double precision not null,
    planted integer not null check (planted >= 0),
    found integer not null check (found between 0 and planted),
    findings integer not null check (findings >= 0),
    average_precision double precision check (average_precision between 0 and 1),
    scan_seconds double precision,
    findings_seconds double precision,
    evaluated_at timestamptz not null default now(),
    check ((kind = 'inject') = (seed is not null))
);
create index evaluation_by_scan on facedb.evaluation (scan_id);
comment on table facedb.evaluation is 'How well the findings met known mistakes, planted or listed by people.';
comment on column facedb.evaluation.id is 'Key.';
comment on column facedb.evaluation.scan_id is 'The scan whose gallery (inject) or findings (truth) were used.';
comment on column facedb.evaluation.kind is 'inject: mistakes planted in a copy of the labels; truth: a list that people made.';
comment on column facedb.evaluation.spec is 'What was planted, or the name of the list.';
comment on column facedb.evaluation.seed is 'The seed of the planting.';
comment on column facedb.evaluation.threshold is 'The threshold of the pairs.';
comment on column facedb.evaluation.planted is 'Known mistakes; a swap counts as two.';
comment on column facedb.evaluation.found is 'Those that a finding names.';
comment on column facedb.evaluation.findings is 'Findings in all.';
comment on column facedb.evaluation.average_precision is 'Mean over the known mistakes of the precision at their rank; 0 for a missed one.';
comment on column facedb.evaluation.scan_seconds is 'Seconds of the search.';
comment on column facedb.evaluation.findings_seconds is 'Seconds of the findings.';
comment on column facedb.evaluation.evaluated_at is 'When.';

create table facedb.evaluation_class (
    evaluation_id integer not null references facedb.evaluation on delete cascade,
    class text not null,
    planted integer not null check (planted > 0),
    found integer not null check (found between 0 and planted),
    average_precision double precision not null check (average_precision between 0 and 1),
    first_rank integer check (first_rank > 0),
    last_rank integer check (last_rank > 0),
    primary key (evaluation_id, class)
);
comment on table facedb.evaluation_class is 'The same for each class of mistake.';
comment on column facedb.evaluation_class.evaluation_id is 'The evaluation.';
comment on column facedb.evaluation_class.class is 'merge, stray, swap, duplicate, resaved, mixed or look-alike.';
comment on column facedb.evaluation_class.planted is 'Known mistakes of the class.';
comment on column facedb.evaluation_class.found is 'Those that a finding names.';
comment on column facedb.evaluation_class.average_precision is 'Mean over them of the precision at their rank among all findings.';
comment on column facedb.evaluation_class.first_rank is 'The rank that names the first of them.';
comment on column facedb.evaluation_class.last_rank is 'The rank that names the last of those found.';

create table facedb.evaluation_point (
    evaluation_id integer not null references facedb.evaluation on delete cascade,
    rank integer not null check (rank > 0),
    precision double precision not null check (precision between 0 and 1),
    recall double precision not null check (recall between 0 and 1),
    primary key (evaluation_id, rank)
);
comment on table facedb.evaluation_point is 'The curve: precision and recall at the ranks that name a further mistake.';
comment on column facedb.evaluation_point.evaluation_id is 'The evaluation.';
comment on column facedb.evaluation_point.rank is 'How many findings are looked at.';
comment on column facedb.evaluation_point.precision is 'Share of them that name a mistake.';
comment on column facedb.evaluation_point.recall is 'Share of the known mistakes that they name.';

create table facedb.evaluation_miss (
    evaluation_id integer not null references facedb.evaluation on delete cascade,
    number integer not null check (number > 0),
    class text not null,
    identity_a text not null,
    identity_b text,
    images text[] not null,
    primary key (evaluation_id, number)
);
comment on table facedb.evaluation_miss is 'The first known mistakes that no finding names.';
comment on column facedb.evaluation_miss.evaluation_id is 'The evaluation.';
comment on column facedb.evaluation_miss.number is 'Counts from 1.';
comment on column facedb.evaluation_miss.class is 'Class of mistake.';
comment on column facedb.evaluation_miss.identity_a is 'Identity that is wrong.';
comment on column facedb.evaluation_miss.identity_b is 'The other identity.';
comment on column facedb.evaluation_miss.images is 'Paths of the images concerned.';
