-- A model, detector or preset that was named once for a dataset is its default afterwards.
alter table facedb.dataset add column model_choice jsonb;
comment on column facedb.dataset.model_choice is
    'The model it was last embedded with, as it was named: weights, detector, preset, faces, overrides; null while none was.';
