-- Which face of a photo people took -------------------------------------------------------------------------------------

create table facedb.taken_face (
    id bigint generated always as identity primary key,
    dataset_id integer not null references facedb.dataset on delete cascade,
    image_id bigint not null,
    sha256 bytea not null check (octet_length(sha256) = 32),
    box real[] check (array_length(box, 1) = 4),
    said_by text not null check (said_by <> ''),
    said_at timestamptz not null default clock_timestamp()
);
create index taken_face_by_bytes on facedb.taken_face (sha256, id desc);
comment on table facedb.taken_face is 'Which face of a photo with several stands for its label, where a person said so; append-only, the newest word on a photo stands. Faces found anew by another detector are met by where they are.';
comment on column facedb.taken_face.id is 'Key; a greater one is newer.';
comment on column facedb.taken_face.dataset_id is 'The dataset of the photo.';
comment on column facedb.taken_face.image_id is 'The photo it was said of.';
comment on column facedb.taken_face.sha256 is 'The bytes of that photo: the word holds wherever the photo lies later.';
comment on column facedb.taken_face.box is 'Where the face is: x, y, w, h in pixels of the upright photo; null: the word was taken back, and the scan chooses.';
comment on column facedb.taken_face.said_by is 'Who said it.';
comment on column facedb.taken_face.said_at is 'When.';

create function facedb.keep_taken_faces() returns trigger language plpgsql as $$
begin
    if tg_op <> 'TRUNCATE' and (pg_trigger_depth() > 1 or current_setting('facedb.forget', true) = 'on') then
        return case tg_op when 'DELETE' then old else new end;
    end if;
    raise exception 'What was said of a photo is never changed: say it anew, the newest stands.' using errcode = 'restrict_violation';
end
$$;
comment on function facedb.keep_taken_faces() is 'Refuses every change of taken faces but new rows, cascades and facedb forget.';
create trigger append_only before update or delete on facedb.taken_face for each row execute function facedb.keep_taken_faces();
create trigger append_only_as_a_whole before truncate on facedb.taken_face for each statement execute function facedb.keep_taken_faces();

create table facedb.decision_taken_face (
    decision_id bigint not null references facedb.decision on delete cascade,
    taken_face_id bigint not null references facedb.taken_face on delete cascade,
    primary key (decision_id, taken_face_id)
);
create index decision_taken_face_by_taken_face on facedb.decision_taken_face (taken_face_id);
comment on table facedb.decision_taken_face is 'The faces that a decision took.';
comment on column facedb.decision_taken_face.decision_id is 'The decision.';
comment on column facedb.decision_taken_face.taken_face_id is 'What it said of a photo.';

comment on column facedb.decision.answer is 'same, different, unsure, wrong-identity, duplicate or other-face.';

-- What no report tells -------------------------------------------------------------------------------------------------

create table facedb.secret (
    one boolean primary key default true check (one),
    key text not null default gen_random_uuid() || '-' || gen_random_uuid()
);
insert into facedb.secret default values;
comment on table facedb.secret is 'One row: what pseudonyms in redacted reports are made with, so that nobody finds a name by trying names.';
comment on column facedb.secret.one is 'There is one row.';
comment on column facedb.secret.key is 'Random.';
