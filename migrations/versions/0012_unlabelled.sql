-- Scans of faces without labels, which tell duplicates and nothing of identities.
alter table facedb.finding alter column identity_a drop not null;
alter table facedb.finding add constraint finding_without_label_is_a_duplicate
    check (identity_a is not null or (class = 'duplicate' and identity_b is null));
comment on column facedb.finding.identity_a is 'The identity that is said to be wrong, or the first of two; null for a duplicate of images without labels.';
comment on column facedb.finding.size_a is 'Faces of a in the gallery; of images without labels all faces of the gallery.';
alter table facedb.scan_dataset drop constraint scan_dataset_identities_check;
alter table facedb.scan_dataset add constraint scan_dataset_identities_check check (identities >= 0);
comment on column facedb.scan_dataset.identities is 'Its identities in the gallery; 0 in a scan of faces without labels.';
