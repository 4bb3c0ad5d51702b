alter table facedb.scan add column certain_above double precision check (certain_above > -1);
comment on column facedb.scan.certain_above is 'From this score on two folders of one photo each are certainly one person (a confidence of 0.95), by the odds of this scan; above 1: no score is enough; null in scans before facedb 0.2.';

alter table facedb.score_histogram add column mated double precision check (mated >= 0);
comment on column facedb.score_histogram.mated is 'How many of the counted impostor pairs are of one person by the findings, each as far as they are sure; null where no finding was asked.';

create table facedb.scan_face (
    scan_id integer not null references facedb.scan on delete cascade,
    face_id bigint not null references facedb.face on delete cascade,
    role text not null check (role in ('part', 'none fits', 'bystander', 'again')),
    faces smallint not null check (faces > 1),
    fit real,
    also_identity integer references facedb.identity on delete cascade,
    also_score real,
    primary key (scan_id, face_id),
    constraint scan_face_also_is_of_bystanders check (also_identity is null or role = 'bystander')
);
create index scan_face_by_face on facedb.scan_face (face_id);
create index scan_face_by_also_identity on facedb.scan_face (also_identity) where also_identity is not null;
comment on table facedb.scan_face is 'What a face was to a scan, for photos that show several; a photo with one face takes part with it.';
comment on column facedb.scan_face.scan_id is 'The scan.';
comment on column facedb.scan_face.face_id is 'The face.';
comment on column facedb.scan_face.role is 'part: it stood for the photo under its label; none fits: it did, though no face of the photo fits the folder; bystander: another person in the photo, never compared under the label; again: the same face once more (a mirror, a collage).';
comment on column facedb.scan_face.faces is 'Faces of the photo that were big enough.';
comment on column facedb.scan_face.fit is 'Mean score to the core of its folder, without its own photo; null where there is none.';
comment on column facedb.scan_face.also_identity is 'The other identity that a bystander is: the photo also shows it.';
comment on column facedb.scan_face.also_score is 'Mean score of the bystander to the core of that identity.';
