-- Everything that was ever said, each image found again by its key and, where that is gone, by its bytes: under the label
-- that it had, so that what was said of a photo holds wherever the photo is.
create view bi.verdict_history as
select v.id as verdict_id, v.kind, v.verdict, na.name as identity_a, ia.path as path_a, nb.name as identity_b, ib.path as path_b,
       nt.name as target, v.note, v.said_by, v.said_at, v.scan_id, v.pairs, v.faces_a, v.faces_b,
       da.name as dataset_a, db.name as dataset_b, v.identity_a as identity_a_id, v.identity_b as identity_b_id,
       ia.id as image_a_id, ib.id as image_b_id, v.target_identity as target_id,
       case v.kind
           when 'link' then 'link ' || v.identity_a || ' ' || v.identity_b
           when 'face' then 'face ' || coalesce(ia.id::text, encode(v.sha256_a, 'hex'))
           else 'pair ' || least(coalesce(ia.id::text, encode(v.sha256_a, 'hex')), coalesce(ib.id::text, encode(v.sha256_b, 'hex')))
                || ' ' || greatest(coalesce(ia.id::text, encode(v.sha256_a, 'hex')), coalesce(ib.id::text, encode(v.sha256_b, 'hex')))
       end as subject
from facedb.verdict v
left join facedb.identity na on na.id = v.identity_a
join facedb.dataset da on da.id = coalesce(na.dataset_id, v.dataset_a)
left join facedb.identity nb on nb.id = v.identity_b
left join facedb.dataset db on db.id = coalesce(nb.dataset_id, v.dataset_b)
left join facedb.identity nt on nt.id = v.target_identity
left join lateral (
    select i.id, i.path from facedb.image i join facedb.source s on s.id = i.source_id
    where s.dataset_id = da.id and (i.id = v.image_a or i.sha256 = v.sha256_a)
      and (i.sha256 is null or i.sha256 = v.sha256_a)
      -- What is left of two copies is no duplicate of itself.
      and (i.id = v.image_a or v.kind <> 'face' or v.verdict <> 'duplicate' or 1 < (
          select count(*) from facedb.image c join facedb.source o on o.id = c.source_id
          where o.dataset_id = da.id and c.sha256 = v.sha256_a and c.status = 'ready'))
    order by i.id = v.image_a and i.status = 'ready' desc,
             i.status = 'ready' and i.identity_id is not distinct from v.identity_a and v.sha256_a is distinct from v.sha256_b
                 and (v.kind <> 'face' or v.verdict <> 'duplicate') desc,
             i.id = v.image_a desc, i.status = 'ready' desc, i.id limit 1
) ia on v.image_a is not null
left join lateral (
    select i.id, i.path from facedb.image i join facedb.source s on s.id = i.source_id
    where s.dataset_id = db.id and (i.id = v.image_b or i.sha256 = v.sha256_b)
      and (i.sha256 is null or i.sha256 = v.sha256_b)
    order by i.id = v.image_b and i.status = 'ready' desc,
             i.status = 'ready' and i.identity_id is not distinct from v.identity_b and v.sha256_a is distinct from v.sha256_b
                 and (v.kind <> 'face' or v.verdict <> 'duplicate') desc,
             i.id = v.image_b desc, i.status = 'ready' desc, i.id limit 1
) ib on v.image_b is not null;
comment on view bi.verdict_history is 'Everything that people said, also what they took back by saying something newer.';
comment on column bi.verdict_history.verdict_id is 'Key of the verdict; a greater one is newer.';
comment on column bi.verdict_history.kind is 'link: two identities; pair: two images; face: one image and its label.';
comment on column bi.verdict_history.verdict is 'same, different, unsure, duplicate, wrong-identity or withdrawn.';
comment on column bi.verdict_history.identity_a is 'One identity; of an image, the label that it had; null where it had none.';
comment on column bi.verdict_history.path_a is 'Where the image is now; null for links, and for images whose bytes are no longer known.';
comment on column bi.verdict_history.identity_b is 'The other identity.';
comment on column bi.verdict_history.path_b is 'Where the other image is now.';
comment on column bi.verdict_history.target is 'Where an image with a wrong label, or none, belongs; for two identities that are the same, the name that stays.';
comment on column bi.verdict_history.note is 'What else was said.';
comment on column bi.verdict_history.said_by is 'Who said it.';
comment on column bi.verdict_history.said_at is 'When.';
comment on column bi.verdict_history.scan_id is 'The scan that showed the link then.';
comment on column bi.verdict_history.pairs is 'Its flagged pairs then.';
comment on column bi.verdict_history.faces_a is 'Its faces of a then.';
comment on column bi.verdict_history.faces_b is 'Its faces of b then.';
comment on column bi.verdict_history.dataset_a is 'Dataset of a.';
comment on column bi.verdict_history.dataset_b is 'Dataset of b.';
comment on column bi.verdict_history.identity_a_id is 'Key of identity a.';
comment on column bi.verdict_history.identity_b_id is 'Key of identity b.';
comment on column bi.verdict_history.image_a_id is 'Key of image a as it is now.';
comment on column bi.verdict_history.image_b_id is 'Key of image b as it is now.';
comment on column bi.verdict_history.target_id is 'Key of the target.';
comment on column bi.verdict_history.subject is 'What it is about: verdicts with the same subject replace each other.';

create view bi.verdicts as
select n.* from (select distinct on (h.subject) h.* from bi.verdict_history h order by h.subject, h.verdict_id desc) n
where n.verdict <> 'withdrawn';
comment on view bi.verdicts is 'What people said: the newest verdict on each link, pair and face, which holds unless it was withdrawn.';
comment on column bi.verdicts.verdict_id is 'Key of the verdict; a greater one is newer.';
comment on column bi.verdicts.kind is 'link: two identities; pair: two images; face: one image and its label.';
comment on column bi.verdicts.verdict is 'same, different, unsure, duplicate or wrong-identity.';
comment on column bi.verdicts.identity_a is 'One identity; of an image, the label that it had; null where it had none.';
comment on column bi.verdicts.path_a is 'Where the image is now; null for links, and for images whose bytes are no longer known.';
comment on column bi.verdicts.identity_b is 'The other identity.';
comment on column bi.verdicts.path_b is 'Where the other image is now.';
comment on column bi.verdicts.target is 'Where an image with a wrong label, or none, belongs; for two identities that are the same, the name that stays.';
comment on column bi.verdicts.note is 'What else was said.';
comment on column bi.verdicts.said_by is 'Who said it.';
comment on column bi.verdicts.said_at is 'When.';
comment on column bi.verdicts.scan_id is 'The scan that showed the link then.';
comment on column bi.verdicts.pairs is 'Its flagged pairs then.';
comment on column bi.verdicts.faces_a is 'Its faces of a then.';
comment on column bi.verdicts.faces_b is 'Its faces of b then.';
comment on column bi.verdicts.dataset_a is 'Dataset of a.';
comment on column bi.verdicts.dataset_b is 'Dataset of b.';
comment on column bi.verdicts.identity_a_id is 'Key of identity a.';
comment on column bi.verdicts.identity_b_id is 'Key of identity b.';
comment on column bi.verdicts.image_a_id is 'Key of image a as it is now.';
comment on column bi.verdicts.image_b_id is 'Key of image b as it is now.';
comment on column bi.verdicts.target_id is 'Key of the target.';
comment on column bi.verdicts.subject is 'What it is about: verdicts with the same subject replace each other.';

create view bi.plans as
select p.id as plan_id, p.state, p.auto, p.labels_only, count(s.step) as steps, count(*) filter (where s.state = 'done') as done,
       count(*) filter (where s.action = 'move') as moves, count(*) filter (where s.action = 'merge') as merges,
       count(*) filter (where s.action = 'quarantine') as quarantines, count(*) filter (where s.action = 'drop') as drops,
       p.created_by, p.created_at, p.applied_at, p.undone_at
from facedb.plan p left join facedb.plan_step s on s.plan_id = p.id
group by p.id;
comment on view bi.plans is 'Plans and how far they have been carried out.';
comment on column bi.plans.plan_id is 'Key of the plan.';
comment on column bi.plans.state is 'proposed, applying, applied, undoing or undone.';
comment on column bi.plans.auto is 'Whether certain findings (confidence 0.95 or more) are in it as well.';
comment on column bi.plans.labels_only is 'Whether labels are changed and files stay; null while proposed.';
comment on column bi.plans.steps is 'Its steps.';
comment on column bi.plans.done is 'Steps that are done.';
comment on column bi.plans.moves is 'Images that move to another identity.';
comment on column bi.plans.merges is 'Images that move with their whole identity.';
comment on column bi.plans.quarantines is 'Images that leave the dataset.';
comment on column bi.plans.drops is 'Duplicates that leave the dataset.';
comment on column bi.plans.created_by is 'Who asked for it.';
comment on column bi.plans.created_at is 'When.';
comment on column bi.plans.applied_at is 'When its last step was done.';
comment on column bi.plans.undone_at is 'When it was undone.';

create view bi.plan_steps as
select t.plan_id, t.step, t.action, nf.name as identity_from, nt.name as identity_to, t.path_from, t.path_to, t.reason, t.state,
       t.changed_at, d.name as dataset, s.location as source, encode(t.sha256, 'hex') as sha256, t.verdict_id, t.image_id
from facedb.plan_step t
join facedb.source s on s.id = t.source_id
join facedb.dataset d on d.id = s.dataset_id
left join facedb.identity nf on nf.id = t.identity_from
left join facedb.identity nt on nt.id = t.identity_to;
comment on view bi.plan_steps is 'The steps of every plan: one change of one image each.';
comment on column bi.plan_steps.plan_id is 'Key of the plan.';
comment on column bi.plan_steps.step is 'Its number in the plan.';
comment on column bi.plan_steps.action is 'move, merge, quarantine or drop.';
comment on column bi.plan_steps.identity_from is 'Label when planned.';
comment on column bi.plan_steps.identity_to is 'New label; null when the image leaves the dataset.';
comment on column bi.plan_steps.path_from is 'Path when planned.';
comment on column bi.plan_steps.path_to is 'New path; null where only the label can change.';
comment on column bi.plan_steps.reason is 'Why.';
comment on column bi.plan_steps.state is 'pending, done or undone.';
comment on column bi.plan_steps.changed_at is 'When it was carried out or undone.';
comment on column bi.plan_steps.dataset is 'Dataset.';
comment on column bi.plan_steps.source is 'The source whose root the paths are below.';
comment on column bi.plan_steps.sha256 is 'SHA-256 of the bytes when planned, hexadecimal.';
comment on column bi.plan_steps.verdict_id is 'The verdict that it follows from.';
comment on column bi.plan_steps.image_id is 'Key of the image.';

create view bi.taken_faces as
select n.taken_face_id, n.dataset, n.identity, n.path, n.box_x, n.box_y, n.box_width, n.box_height, n.said_by, n.said_at, n.image_id
from (
    -- A word on a photo that lies elsewhere now is found by its bytes.
    select distinct on (i.id) t.id as taken_face_id, d.name as dataset, l.name as identity, i.path, t.box[1] as box_x, t.box[2] as box_y,
           t.box[3] as box_width, t.box[4] as box_height, t.said_by, t.said_at, i.id as image_id
    from facedb.taken_face t
    join facedb.image i on i.sha256 = t.sha256 and i.status = 'ready'
    join facedb.source s on s.id = i.source_id and s.dataset_id = t.dataset_id
    join facedb.dataset d on d.id = s.dataset_id
    left join facedb.identity l on l.id = i.identity_id
    where i.id = t.image_id or not exists (select from facedb.image g where g.id = t.image_id and g.status = 'ready')
    order by i.id, t.id desc
) n
where n.box_x is not null;
comment on view bi.taken_faces is 'Photos with several faces where a person said which one stands for the label.';
comment on column bi.taken_faces.taken_face_id is 'Key of the choice; a greater one is newer.';
comment on column bi.taken_faces.dataset is 'Dataset.';
comment on column bi.taken_faces.identity is 'Label of the photo.';
comment on column bi.taken_faces.path is 'Path of the photo below the root of its source.';
comment on column bi.taken_faces.box_x is 'Left edge of the face in pixels of the upright photo.';
comment on column bi.taken_faces.box_y is 'Its upper edge.';
comment on column bi.taken_faces.box_width is 'Its width.';
comment on column bi.taken_faces.box_height is 'Its height.';
comment on column bi.taken_faces.said_by is 'Who said it.';
comment on column bi.taken_faces.said_at is 'When.';
comment on column bi.taken_faces.image_id is 'Key of the photo.';
