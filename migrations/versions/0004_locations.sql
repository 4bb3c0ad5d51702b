alter table facedb.plan_step add column kept_image bigint;
alter table facedb.plan_step add constraint plan_step_keeps_another check (kept_image <> image_id and (kept_image is null or action = 'drop'));
comment on column facedb.plan_step.kept_image is
    'The image that stays when this duplicate of it is dropped; null where nobody said of what it is one. No foreign key: see image_id.';
