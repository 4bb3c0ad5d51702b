-- Copies among photos in which no face was found.

alter table facedb.scan add column faceless bytea check (octet_length(faceless) = 32);
comment on column facedb.scan.faceless is 'What the photos without a face hash to that were looked at for copies, with their labels and bytes: with others the findings differ; null: there were none.';

comment on table facedb.face is 'One detected (or pre-cropped) face in an image; or, once a finding is about an image in which none was found, that whole image.';
comment on column facedb.face.detection is 'Which detector and face choice found it (see model.detection); no face: the whole of an image in which none was found, which has no embedding.';
