create table facedb.thumbnail (
    image_id bigint primary key references facedb.image on delete cascade,
    grey bytea not null,
    views bigint[] not null check (array_length(views, 1) = 11)
);
-- The pixels are a JPEG already.
alter table facedb.thumbnail alter column grey set storage external;
comment on table facedb.thumbnail is 'Images small and grey, to tell altered copies; written when an image is embedded, so images that were embedded before facedb 0.2 have none until they are embedded again.';
comment on column facedb.thumbnail.image_id is 'The image.';
comment on column facedb.thumbnail.grey is 'The upright image in grey as a JPEG, its longer side 96 pixels.';
comment on column facedb.thumbnail.views is '64-bit perceptual hashes of the image without a flat frame: as it is, turned by one, two and three quarters anticlockwise, the same four of its mirror image, then cropped by 5, 10 and 15 % on every side.';

alter table facedb.finding drop constraint finding_class_check;
alter table facedb.finding add constraint finding_class_check
    check (class in ('merge', 'stray', 'mixed', 'duplicate', 'look-alike', 'photo'));
comment on column facedb.finding.class is 'merge: a and b are one person; stray: a face of a is not a; mixed: a holds two persons; duplicate: one photo twice; look-alike: a and b are close but separate; photo: a photo of a shows several people, or its face is turned, blurred or tiny.';
comment on column facedb.finding_face.role is 'wrong: it belongs elsewhere, or, of a photo, it is what the finding is about; copy: one of several copies of a photo; example: the best evidence between two identities.';

-- Another measure has another unit: an old value beside new ones would be read as very sharp.
update facedb.face set sharpness = null where sharpness is not null;
comment on column facedb.face.sharpness is 'Share of the local contrast of the face that is fine detail, in per cent, 0: blurred; null where it was not measured, as for faces found before facedb 0.2, until a model embeds them again.';
