-- Photos outside of all folders, and what verdicts teach.

-- Who is asked about, and what is said of images without a label -------------------------------------------------------

alter table facedb.finding drop constraint finding_class_check;
alter table facedb.finding add constraint finding_class_check
    check (class in ('merge', 'stray', 'mixed', 'duplicate', 'look-alike', 'photo', 'unlabelled', 'newcomer'));
alter table facedb.finding drop constraint finding_without_label_is_a_duplicate;
alter table facedb.finding add constraint finding_without_identity_is_of_images_without_label
    check (identity_a is not null or (class in ('duplicate', 'newcomer') and identity_b is null));
comment on column facedb.finding.class is 'merge: a and b are one person; stray: a face of a is not a; mixed: a holds two persons; duplicate: one photo twice; look-alike: a and b are close but separate; photo: a photo of a shows several people, or its face is turned, blurred or tiny; unlabelled: a photo that lies in no folder shows a; newcomer: photos that lie in no folder are one person who has none.';
comment on column facedb.finding.identity_a is 'The identity that is said to be wrong, or the first of two; of an unlabelled photo whom it shows; null for newcomers and for duplicates of images without labels.';
comment on column facedb.finding.identity_b is 'The other identity; of a stray or the second person the one it looks like; of an unlabelled photo the next best; null when there is none.';
comment on column facedb.finding.own_score is 'Mean score of a stray to the core of its folder; within the second group of a mixed folder; of an unlabelled photo to the core of the next best.';
comment on column facedb.finding_face.role is 'wrong: it belongs elsewhere, or has no label, or, of a photo, it is what the finding is about; copy: one of several copies of a photo; example: the best evidence between two identities.';

create table facedb.scan_outsider (
    scan_id integer not null references facedb.scan on delete cascade,
    face_id bigint not null references facedb.face on delete cascade,
    embedding_id bigint not null,
    primary key (scan_id, face_id)
);
create index scan_outsider_by_face on facedb.scan_outsider (face_id);
comment on table facedb.scan_outsider is 'The faces without a label that took part in the findings of a scan, beside its gallery.';
comment on column facedb.scan_outsider.scan_id is 'The scan.';
comment on column facedb.scan_outsider.face_id is 'The face.';
comment on column facedb.scan_outsider.embedding_id is 'Its embedding: a face that is embedded again is told again.';

alter table facedb.verdict alter column identity_a drop not null;
alter table facedb.verdict
    add column dataset_a integer references facedb.dataset on delete cascade,
    add column dataset_b integer references facedb.dataset on delete cascade;
create index verdict_by_dataset_a on facedb.verdict (dataset_a) where dataset_a is not null;
create index verdict_by_dataset_b on facedb.verdict (dataset_b) where dataset_b is not null;
alter table facedb.verdict drop constraint verdict_names_its_subject;
alter table facedb.verdict add constraint verdict_names_its_subject check (
    case kind
        when 'link' then identity_a is not null and identity_b is not null and identity_a < identity_b and known_images is not null
                         and image_a is null and image_b is null and dataset_a is null and dataset_b is null
        when 'pair' then image_a is not null and image_b is not null and image_a < image_b and sha256_a is not null and sha256_b is not null
                         and (identity_a is null) = (dataset_a is not null) and (identity_b is null) = (dataset_b is not null)
        else identity_b is null and image_a is not null and image_b is null and sha256_a is not null
             and (identity_a is null) = (dataset_a is not null) and dataset_b is null
    end
);
comment on column facedb.verdict.verdict is 'same, different, unsure, duplicate, wrong-identity or withdrawn (nothing is said any more); of a face, same says that its label is right, or that it is right to have none.';
comment on column facedb.verdict.identity_a is 'Link: the identity with the smaller key. Pair, face: the label that image_a had; null where it had none.';
comment on column facedb.verdict.identity_b is 'Link: the other identity. Pair: the label that image_b had; null where it had none. Face: null.';
comment on column facedb.verdict.dataset_a is 'The dataset of image_a where that had no label, else null.';
comment on column facedb.verdict.dataset_b is 'The dataset of image_b where that had no label, else null.';

alter table facedb.plan_step alter column identity_from drop not null;
comment on column facedb.plan_step.identity_from is 'Its label when planned; null where it had none.';

-- What verdicts teach --------------------------------------------------------------------------------------------------

create table facedb.lesson (
    scan_id integer not null references facedb.scan on delete cascade,
    class text not null,
    base double precision not null,
    slope double precision not null check (slope > 0),
    answers integer not null check (answers > 0),
    agreed integer not null check (agreed between 0 and answers),
    primary key (scan_id, class)
);
comment on table facedb.lesson is 'What the verdicts so far teach about the confidences of a scan, by class: the log odds of an open finding are base + slope x those that the scan gave it. Made anew whenever something is said.';
comment on column facedb.lesson.scan_id is 'The scan.';
comment on column facedb.lesson.class is 'Class of the findings.';
comment on column facedb.lesson.base is 'Added to the log odds.';
comment on column facedb.lesson.slope is 'What the log odds are multiplied with.';
comment on column facedb.lesson.answers is 'Findings of the class that people decided, in all scans of this gallery.';
comment on column facedb.lesson.agreed is 'Those that they found true.';

create table facedb.answered (
    model_id integer not null references facedb.model on delete cascade,
    gallery text not null,
    class text not null,
    statement text not null,
    confidence real not null check (confidence between 0 and 1),
    is_true boolean not null,
    primary key (model_id, gallery, statement)
);
comment on table facedb.answered is 'Findings that people decided, kept when their scan goes, so that what they taught stays.';
comment on column facedb.answered.model_id is 'The contract of the scan.';
comment on column facedb.answered.gallery is 'Its datasets, as the scope of the scan has them.';
comment on column facedb.answered.class is 'Class of the finding.';
comment on column facedb.answered.statement is 'What it stated, by keys: the same statement of another scan is the same finding.';
comment on column facedb.answered.confidence is 'The confidence that the scan gave it.';
comment on column facedb.answered.is_true is 'Whether people found it true; of look-alikes, whether the two are one person.';
