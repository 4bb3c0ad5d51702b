-- What people said ------------------------------------------------------------------------------------------------

create table facedb.verdict (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('link', 'pair', 'face')),
    verdict text not null,
    identity_a integer not null references facedb.identity on delete cascade,
    identity_b integer references facedb.identity on delete cascade,
    image_a bigint,
    image_b bigint,
    sha256_a bytea check (octet_length(sha256_a) = 32),
    sha256_b bytea check (octet_length(sha256_b) = 32),
    target_identity integer references facedb.identity on delete cascade,
    note text check (note <> ''),
    said_by text not null check (said_by <> ''),
    said_at timestamptz not null default clock_timestamp(),
    scan_id integer references facedb.scan on delete set null,
    pairs bigint check (pairs > 0),
    faces_a integer check (faces_a > 0),
    faces_b integer check (faces_b > 0),
    known_images bigint[],
    constraint verdict_fits_its_kind check (
        case kind
            when 'link' then verdict in ('same', 'different', 'unsure')
            when 'pair' then verdict in ('same', 'different', 'unsure', 'duplicate')
            else verdict in ('same', 'unsure', 'wrong-identity', 'duplicate')
        end
    ),
    constraint verdict_names_its_subject check (
        case kind
            when 'link' then identity_b is not null and identity_a < identity_b and known_images is not null
                             and image_a is null and image_b is null
            when 'pair' then identity_b is not null and image_a is not null and image_b is not null and image_a < image_b
                             and sha256_a is not null and sha256_b is not null
            else identity_b is null and image_a is not null and image_b is null and sha256_a is not null
        end
    ),
    constraint verdict_only_wrong_faces_have_a_target check (
        target_identity is null or (verdict = 'wrong-identity' and target_identity <> identity_a)
    ),
    constraint verdict_evidence_is_complete check (
        (pairs is null) = (faces_a is null) and (pairs is null) = (faces_b is null) and (kind = 'link' or pairs is null)
    )
);
create index verdict_on_link on facedb.verdict (identity_a, identity_b, id desc) where kind = 'link';
create index verdict_by_identity_b on facedb.verdict (identity_b);
create index verdict_by_target on facedb.verdict (target_identity) where target_identity is not null;
create index verdict_by_scan on facedb.verdict (scan_id) where scan_id is not null;
create index verdict_on_image_a on facedb.verdict (image_a) where image_a is not null;
create index verdict_on_image_b on facedb.verdict (image_b) where image_b is not null;
comment on table facedb.verdict is 'What a person said; append-only, the newest on a subject stands.';
comment on column facedb.verdict.id is 'Key; a greater one is newer.';
comment on column facedb.verdict.kind is 'link: two identities; pair: two images; face: one image and its label.';
comment on column facedb.verdict.verdict is 'same, different, unsure, duplicate or wrong-identity; of a face, same says that its label is right.';
comment on column facedb.verdict.identity_a is 'Link: the identity with the smaller key. Pair, face: the label that image_a had.';
comment on column facedb.verdict.identity_b is 'Link: the other identity. Pair: the label that image_b had. Face: null.';
comment on column facedb.verdict.image_a is 'The image. No foreign key: a pruned image that comes back is found again by its bytes.';
comment on column facedb.verdict.image_b is 'The other image of a pair.';
comment on column facedb.verdict.sha256_a is 'SHA-256 of the bytes of image_a that the person looked at.';
comment on column facedb.verdict.sha256_b is 'SHA-256 of the bytes of image_b that the person looked at.';
comment on column facedb.verdict.target_identity is 'Where a wrongly labelled image belongs; null when nobody said.';
comment on column facedb.verdict.note is 'What else the person said.';
comment on column facedb.verdict.said_by is 'Who.';
comment on column facedb.verdict.said_at is 'When.';
comment on column facedb.verdict.scan_id is 'The newest finished scan with this link at that time; null when none had it.';
comment on column facedb.verdict.pairs is 'Flagged pairs of the link in that scan.';
comment on column facedb.verdict.faces_a is 'Faces of a in them.';
comment on column facedb.verdict.faces_b is 'Faces of b in them.';
comment on column facedb.verdict.known_images is 'First 64 bits of the SHA-256 of every image that both identities had: others are new evidence.';

create function facedb.keep_verdicts() returns trigger language plpgsql as $$
begin
    -- Within a cascade of another table the trigger is nested; `facedb forget` says on purpose that it deletes.
    if tg_op <> 'TRUNCATE' and (pg_trigger_depth() > 1 or (tg_op = 'DELETE' and current_setting('facedb.forget', true) = 'on')) then
        if tg_op = 'DELETE' then
            return old;
        end if;
        return new;
    end if;
    raise exception 'Verdicts are never changed: say a new one, the newest stands.' using errcode = 'restrict_violation';
end
$$;
comment on function facedb.keep_verdicts() is 'Refuses to change or delete verdicts; they go only with their identities, or with set facedb.forget = on.';
create trigger append_only before update or delete on facedb.verdict for each row execute function facedb.keep_verdicts();
create trigger append_only_as_a_whole before truncate on facedb.verdict for each statement execute function facedb.keep_verdicts();

-- What follows from it --------------------------------------------------------------------------------------------

create table facedb.plan (
    id integer generated always as identity primary key,
    state text not null default 'proposed' check (state in ('proposed', 'applying', 'applied', 'undoing', 'undone')),
    auto boolean not null,
    labels_only boolean,
    created_by text not null check (created_by <> ''),
    created_at timestamptz not null default now(),
    applied_at timestamptz,
    undone_at timestamptz,
    constraint plan_begun_knows_how check ((state = 'proposed') = (labels_only is null)),
    constraint plan_applied_has_a_time check (state not in ('applied') or applied_at is not null),
    constraint plan_undone_has_a_time check ((state = 'undone') = (undone_at is not null))
);
comment on table facedb.plan is 'A list of changes to a dataset that follow from verdicts, and how far they are carried out.';
comment on column facedb.plan.id is 'Key.';
comment on column facedb.plan.state is 'proposed, applying (also when interrupted: it goes on), applied, undoing or undone.';
comment on column facedb.plan.auto is 'Whether findings above certain were taken for decided as well.';
comment on column facedb.plan.labels_only is 'Whether labels are changed in the database and files stay where they are; null while proposed.';
comment on column facedb.plan.created_by is 'Who asked for it.';
comment on column facedb.plan.created_at is 'When.';
comment on column facedb.plan.applied_at is 'When its last step was done.';
comment on column facedb.plan.undone_at is 'When it was undone to the end.';

create table facedb.plan_step (
    plan_id integer not null references facedb.plan on delete cascade,
    step integer not null check (step > 0),
    action text not null check (action in ('move', 'merge', 'quarantine', 'drop')),
    state text not null default 'pending' check (state in ('pending', 'done', 'undone')),
    source_id integer not null references facedb.source on delete cascade,
    image_id bigint not null,
    sha256 bytea not null check (octet_length(sha256) = 32),
    identity_from integer not null references facedb.identity on delete cascade,
    identity_to integer references facedb.identity on delete cascade,
    labelled_by text not null check (labelled_by in ('source', 'person')),
    path_from text not null,
    path_to text,
    reason text not null check (reason <> ''),
    verdict_id bigint references facedb.verdict on delete set null,
    changed_at timestamptz,
    primary key (plan_id, step),
    unique (plan_id, image_id),
    constraint plan_step_has_a_target check ((action in ('move', 'merge')) = (identity_to is not null)),
    constraint plan_step_goes_elsewhere check (path_to <> path_from and identity_to <> identity_from),
    constraint plan_step_taken_has_a_time check ((state = 'pending') = (changed_at is null))
);
create index plan_step_by_source on facedb.plan_step (source_id);
create index plan_step_by_identity_from on facedb.plan_step (identity_from);
create index plan_step_by_identity_to on facedb.plan_step (identity_to);
create index plan_step_by_verdict on facedb.plan_step (verdict_id);
comment on table facedb.plan_step is 'One planned change of one image, and the journal of it.';
comment on column facedb.plan_step.plan_id is 'The plan.';
comment on column facedb.plan_step.step is 'Its number; steps are taken in this order and undone in the other.';
comment on column facedb.plan_step.action is 'move: to another identity; merge: the same, with all of its identity; quarantine: out of the dataset; drop: the same, for a duplicate.';
comment on column facedb.plan_step.state is 'pending, done or undone; after a crash the files say whether a pending step was taken.';
comment on column facedb.plan_step.source_id is 'The source whose root both paths are below.';
comment on column facedb.plan_step.image_id is 'The image. No foreign key: the journal outlives pruned images.';
comment on column facedb.plan_step.sha256 is 'SHA-256 of its bytes when planned; a file with other bytes is not touched.';
comment on column facedb.plan_step.identity_from is 'Its label when planned.';
comment on column facedb.plan_step.identity_to is 'Its new label; null when it leaves the dataset.';
comment on column facedb.plan_step.labelled_by is 'Who had set the old label (see image.labelled_by).';
comment on column facedb.plan_step.path_from is 'Where the file is when planned, below the root.';
comment on column facedb.plan_step.path_to is 'Where it goes, below the root; null where files cannot be moved (containers, lists): then labels only.';
comment on column facedb.plan_step.reason is 'Why, in a sentence.';
comment on column facedb.plan_step.verdict_id is 'The verdict that it follows from; null for findings.';
comment on column facedb.plan_step.changed_at is 'When it was taken or undone.';

create table facedb.plan_folder (
    plan_id integer not null references facedb.plan on delete cascade,
    source_id integer not null references facedb.source on delete cascade,
    path text not null,
    existed boolean not null,
    mode integer,
    mtime_ns bigint,
    primary key (plan_id, source_id, path),
    constraint plan_folder_is_known check (existed = (mode is not null) and existed = (mtime_ns is not null))
);
create index plan_folder_by_source on facedb.plan_folder (source_id);
comment on table facedb.plan_folder is 'The folders that a plan touches as they were before its first step, so that undo leaves none more or less.';
comment on column facedb.plan_folder.plan_id is 'The plan.';
comment on column facedb.plan_folder.source_id is 'The source whose root the path is below.';
comment on column facedb.plan_folder.path is 'The folder below the root; empty for the root.';
comment on column facedb.plan_folder.existed is 'Whether it was there.';
comment on column facedb.plan_folder.mode is 'Its permission bits.';
comment on column facedb.plan_folder.mtime_ns is 'Its modification time, nanoseconds since 1970.';
