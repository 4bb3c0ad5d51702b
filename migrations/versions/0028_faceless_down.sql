-- As it was.
alter table facedb.scan drop column faceless;
delete from facedb.finding o using facedb.finding_face w, facedb.face c
where w.scan_id = o.scan_id and w.rank = o.rank and c.id = w.face_id and c.detection = 'no face';
delete from facedb.face where detection = 'no face';
comment on table facedb.face is 'One detected (or pre-cropped) face in an image.';
comment on column facedb.face.detection is 'Which detector and face choice found it (see model.detection).';
