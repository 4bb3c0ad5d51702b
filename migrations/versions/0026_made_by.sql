-- Which make of facedb made the findings of a scan, so that those of an older one are known as such.
alter table facedb.scan add column made_by text;
comment on column facedb.scan.made_by is 'The version of facedb that made its findings, and a digest of the code that makes them; null: made before this was kept, or not yet.';
