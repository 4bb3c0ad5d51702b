-- name: find_identities
-- Identities of a name, in all or in one dataset.
select n.id, n.name, d.name as dataset from facedb.identity n join facedb.dataset d on d.id = n.dataset_id
where (%(name)s::text is null or n.name = %(name)s) and (%(dataset)s::text is null or d.name = %(dataset)s) order by d.name;

-- name: add_identity
-- A name that is new, or the one that is there.
insert into facedb.identity (dataset_id, name) values (%(dataset_id)s, %(name)s)
on conflict (dataset_id, name) do update set name = excluded.name returning id;

-- name: find_images
-- Images at a path below any root, in all or in one dataset.
select i.id, i.path, i.status, i.identity_id, i.sha256, d.name as dataset
from facedb.image i join facedb.source s on s.id = i.source_id join facedb.dataset d on d.id = s.dataset_id
where i.path = %(path)s and i.status <> 'vanished' and (%(dataset)s::text is null or d.name = %(dataset)s)
order by i.status = 'ready' desc, d.name, i.id;

-- name: images_alike
-- Images at a path that looks the same: accents composed or not, spaces of any kind, characters that are not seen.
select i.id, i.path, i.status, i.identity_id, i.sha256, d.name as dataset
from facedb.image i join facedb.source s on s.id = i.source_id join facedb.dataset d on d.id = s.dataset_id
where normalize(regexp_replace(i.path, '[\s\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufe0f\ufeff]', '', 'g'), nfc)
      = normalize(regexp_replace(%(path)s, '[\s\u00a0\u00ad\u1680\u2000-\u200f\u2028-\u202f\u205f-\u2064\u3000\ufe0f\ufeff]', '', 'g'), nfc)
  and i.status <> 'vanished' and (%(dataset)s::text is null or d.name = %(dataset)s) order by d.name, i.id limit 10;

-- name: paths_beside
-- Paths in the folder of a path, among which somebody may have meant one.
select i.path from facedb.image i join facedb.source s on s.id = i.source_id join facedb.dataset d on d.id = s.dataset_id
where i.path ^@ regexp_replace(%(path)s, '[^/]*$', '') and i.status = 'ready' and (%(dataset)s::text is null or d.name = %(dataset)s)
order by i.path limit 5000;

-- name: standing_name
-- The image whose file an image is another name of.
select o.id, o.path, o.status, o.identity_id, o.sha256, d.name as dataset
from facedb.image i join facedb.source s on s.id = i.source_id join facedb.dataset d on d.id = s.dataset_id
join facedb.source t on t.dataset_id = d.id
join facedb.image o on o.source_id = t.id and o.sha256 = i.sha256 and o.status = 'ready'
where i.id = %(image_id)s and i.reject_code in ('same_file', 'other_label') order by o.identity_id = i.identity_id desc, o.id limit 1;

-- name: roots
-- Where the paths of the images start.
select distinct root from facedb.source;

-- name: say_link
-- Write a verdict on two identities with the evidence that there was: the newest scan's link, and all their images.
insert into facedb.verdict (kind, verdict, identity_a, identity_b, target_identity, note, said_by, scan_id, pairs, faces_a, faces_b,
                            known_images)
select 'link', %(verdict)s, %(identity_a)s, %(identity_b)s, %(target)s, %(note)s, %(said_by)s, l.scan_id, l.pairs, l.faces_a, l.faces_b,
       coalesce((select array_agg(distinct ('x' || encode(substr(i.sha256, 1, 8), 'hex'))::bit(64)::bigint)
                 from facedb.image i where i.identity_id in (%(identity_a)s, %(identity_b)s) and i.sha256 is not null), '{}')
from (select 1) always left join lateral (
    select k.scan_id, k.pairs, k.faces_a, k.faces_b
    from facedb.link k join facedb.scan s on s.id = k.scan_id and s.status = 'finished'
    where k.identity_a = %(identity_a)s and k.identity_b = %(identity_b)s order by k.scan_id desc limit 1
) l on true
returning id;

-- name: say_pair
-- Write a verdict on two images, the one with the smaller key first.
insert into facedb.verdict (kind, verdict, identity_a, identity_b, image_a, image_b, sha256_a, sha256_b, note, said_by, dataset_a, dataset_b)
select 'pair', %(verdict)s, a.identity_id, b.identity_id, a.id, b.id, a.sha256, b.sha256, %(note)s, %(said_by)s,
       case when a.identity_id is null then s.dataset_id end, case when b.identity_id is null then t.dataset_id end
from facedb.image a join facedb.source s on s.id = a.source_id, facedb.image b join facedb.source t on t.id = b.source_id
where a.id = %(image_a)s and b.id = %(image_b)s
returning id;

-- name: say_face
-- Write a verdict on one image and its label.
insert into facedb.verdict (kind, verdict, identity_a, image_a, sha256_a, target_identity, note, said_by, dataset_a)
select 'face', %(verdict)s, i.identity_id, i.id, i.sha256, %(target)s, %(note)s, %(said_by)s,
       case when i.identity_id is null then s.dataset_id end
from facedb.image i join facedb.source s on s.id = i.source_id where i.id = %(image_a)s
returning id;

-- name: verdicts
-- What was said, newest first: all of it, or what stands. (Composed: the view.)
select verdict_id, kind, verdict, identity_a, path_a, identity_b, path_b, target, note, said_by, said_at, dataset_a, dataset_b,
       identity_a_id, identity_b_id, image_a_id, image_b_id, target_id, pairs, faces_a, faces_b
from {view}
where (%(dataset)s::text is null or %(dataset)s in (dataset_a, dataset_b)) and (%(kind)s::text is null or kind = %(kind)s)
order by verdict_id desc;

-- name: rejected_links
-- Links of a scan that a person called different, with what is new since.
select dataset_a, identity_a, dataset_b, identity_b, new_images from bi.links
where scan_id = %(scan_id)s and verdict = 'different'
  and (%(min_score)s::real is null or max_score >= %(min_score)s)
  and (%(dataset)s::text is null or %(dataset)s in (dataset_a, dataset_b))
order by rank;

-- name: planned_images
-- Images that a plan may be about, where they are and how they are labelled. (Composed: one of the three choices that follow.)
select i.id, i.source_id, case when i.format = 'vector' then 'npy' else s.format end, s.root, s.options, i.identity_id, i.labelled_by,
       i.status, i.path, i.container, i.sha256, i.bytes, coalesce(i.width, 0) * coalesce(i.height, 0)::bigint as pixels, d.name,
       coalesce((select max(case f.detection when 'no face' then 0 else coalesce(f.detector_score, 1) end)
                 from facedb.face f where f.image_id = i.id), 1),
       i.format, t.colour, t.fine, t.blocks
from facedb.image i join facedb.source s on s.id = i.source_id join facedb.dataset d on d.id = s.dataset_id
left join facedb.thumbnail t on t.image_id = i.id
{which};

-- name: by_key
-- Those with some keys.
where i.id = any(%(ids)s) order by i.id

-- name: of_identities
-- Every one of some identities.
where i.identity_id = any(%(ids)s) and i.status = 'ready' and i.sha256 is not null order by i.id

-- name: of_dataset
-- Every one of a dataset (or of all) that is ready, in the order of a list.
where i.status = 'ready' and (%(dataset)s::text is null or d.name = %(dataset)s) order by s.id, i.path

-- name: unusable_files
-- Files under some identities that no plan moves: no images, or broken ones.
select n.id, n.name, count(*) from facedb.image i join facedb.identity n on n.id = i.identity_id
where i.identity_id = any(%(ids)s) and i.status in ('ignored', 'rejected') group by n.id, n.name order by n.name, n.id;

-- name: paths_taken
-- Which of these paths a source has a row for already.
select path from facedb.image where source_id = %(source_id)s and path = any(%(paths)s);

-- name: add_plan
-- A new plan.
insert into facedb.plan (auto, created_by, scan_id) values (%(auto)s, %(created_by)s, %(scan_id)s) returning id;

-- name: add_step
-- One step of a new plan.
insert into facedb.plan_step (plan_id, step, action, source_id, image_id, sha256, identity_from, identity_to, labelled_by, path_from,
                              path_to, reason, verdict_id, kept_image)
values (%(plan_id)s, %(step)s, %(action)s, %(source_id)s, %(image_id)s, %(sha256)s, %(identity_from)s, %(identity_to)s,
        %(labelled_by)s, %(path_from)s, %(path_to)s, %(reason)s, %(verdict_id)s, %(kept_image)s);

-- name: find_plan
-- One plan.
select id, state, auto, labels_only, created_by, created_at, applied_at, undone_at from facedb.plan where id = %(plan_id)s;

-- name: plan_to_do
-- The plan that `facedb apply` means when none is named: one that was begun, else the newest of all where nothing of it was done.
select id from facedb.plan p
where state = 'applying' or (state = 'proposed' and not exists (select from facedb.plan n where n.id > p.id))
order by state, id desc limit 1;

-- name: plan_to_undo
-- The plan that `facedb undo` means when none is named: one that is under way, else the one that was applied last.
select id from facedb.plan where state in ('applying', 'undoing', 'applied')
order by state = 'applied', applied_at desc, id desc limit 1;

-- name: old_plans
-- Plans that were never begun, or were taken back, but for the newest plans of all. What was applied stays: it can be undone.
select id from (select id, state, row_number() over (order by id desc) as place from facedb.plan) p
where p.place > %(keep)s and p.state in ('proposed', 'undone') order by id;

-- name: drop_plans
-- Plans with their steps and folders.
delete from facedb.plan where id = any(%(plans)s);

-- name: newest_plan
-- The plan that was made last.
select id, state, auto, labels_only, created_by, created_at, applied_at, undone_at from facedb.plan order by id desc limit 1;

-- name: plans
-- Every plan, newest first. (Composed: the columns.)
select {columns}
from bi.plans order by plan_id desc;

-- name: hidden_people
-- Who was hidden from review.
select identity_id from facedb.hidden_identity;

-- name: steps
-- The steps of a plan in order, and whether somebody is named who was hidden from review.
select t.step, t.action, t.state, t.source_id, s.root, s.format, t.image_id, t.sha256, t.identity_from, nf.name, t.identity_to, nt.name,
       t.labelled_by, t.path_from, t.path_to, t.reason, t.verdict_id, t.kept_image,
       exists (select from facedb.hidden_identity h
               where h.identity_id in (t.identity_from, t.identity_to)
                  or h.identity_id in (select i.identity_id from facedb.image i where i.id in (t.image_id, t.kept_image)))
from facedb.plan_step t join facedb.source s on s.id = t.source_id
left join facedb.identity nf on nf.id = t.identity_from left join facedb.identity nt on nt.id = t.identity_to
where t.plan_id = %(plan_id)s order by t.step;

-- name: reopen_steps
-- Steps that were taken back can be taken again.
update facedb.plan_step set state = 'pending', changed_at = null where plan_id = %(plan_id)s and state = 'undone';

-- name: forget_folders
-- The next attempt notes the folders as it finds them; one that was never taken back to the end still needs the first note.
delete from facedb.plan_folder f using facedb.plan p
where f.plan_id = %(plan_id)s and p.id = f.plan_id and p.state = 'undone';

-- name: reopen_plan
-- Undone to the end it is as if just made; half undone it is as if half carried out.
update facedb.plan
set state = case when state = 'undone' then 'proposed' else 'applying' end,
    labels_only = case when state = 'undone' then null else labels_only end, applied_at = null, undone_at = null
where id = %(plan_id)s and state in ('undoing', 'undone');

-- name: set_plan_state
-- How far a plan is.
update facedb.plan
set state = %(state)s, labels_only = coalesce(%(labels_only)s, labels_only),
    applied_at = case when %(state)s = 'applied' then now() else applied_at end,
    undone_at = case when %(state)s = 'undone' then now() else undone_at end
where id = %(plan_id)s;

-- name: set_step_state
-- How far a step is; in one transaction with the row of its image.
update facedb.plan_step set state = %(state)s, changed_at = case when %(state)s = 'pending' then null else now() end
where plan_id = %(plan_id)s and step = %(step)s;

-- name: add_folder
-- A folder as it was before the first step; what was noted first stays.
insert into facedb.plan_folder (plan_id, source_id, path, existed, mode, mtime_ns)
values (%(plan_id)s, %(source_id)s, %(path)s, %(existed)s, %(mode)s, %(mtime_ns)s) on conflict do nothing;

-- name: folders
-- The folders of a plan, the deepest first.
select f.source_id, s.root, f.path, f.existed, f.mode, f.mtime_ns
from facedb.plan_folder f join facedb.source s on s.id = f.source_id
where f.plan_id = %(plan_id)s
order by f.source_id, case when f.path = '' then 0 else 1 + length(f.path) - length(replace(f.path, '/', '')) end desc, f.path;

-- name: image_now
-- What the table says of an image that a step is about.
select source_id, status, path, identity_id, labelled_by, sha256 from facedb.image where id = %(image_id)s;

-- name: clear_path
-- Frees a path that only a vanished image holds.
update facedb.image set path = 'vanished:' || id || ':' || path
where source_id = %(source_id)s and path = %(path)s and id <> %(image_id)s and status = 'vanished';

-- name: place_image
-- An image is at another place under another label; left to the next ingest where another image holds that place by now.
update facedb.image i
set path = %(path)s, identity_id = %(identity_id)s, labelled_by = %(labelled_by)s, status = %(status)s, bytes = %(bytes)s,
    mtime_ns = %(mtime_ns)s, sha256 = %(sha256)s, reject_code = null, reject_detail = %(detail)s
where i.id = %(image_id)s
  and not exists (select from facedb.image o where o.source_id = i.source_id and o.path = %(path)s and o.id <> i.id);

-- name: label_image
-- Another label, the file stays.
update facedb.image set identity_id = %(identity_id)s, labelled_by = %(labelled_by)s where id = %(image_id)s;

-- name: certain_findings
-- Findings of a scan from a confidence up, each with the images of its faces and their labels; an image with several faces stands for
-- none of them and is given apart; and whether somebody is named who was hidden from review.
select f.rank, f.told_class, f.confidence, f.identity_a_id, f.identity_b_id, f.identity_a, f.identity_b, f.dataset_a,
       coalesce(m.alone, '{}'), coalesce(m.labels, '{}'), coalesce(m.together, '{}'),
       f.hidden, f.margin
from bi.findings f
cross join lateral (
    select array_agg(t.image_id order by t.image_id) filter (where not t.several) as alone,
           array_agg(t.identity_id order by t.image_id) filter (where not t.several) as labels,
           array_agg(t.image_id order by t.image_id) filter (where t.several) as together
    from (select c.image_id, i.identity_id,
                 exists (select from facedb.face o
                         where o.image_id = c.image_id and o.detection = c.detection and o.id <> c.id) as several
          from facedb.finding_face ff join facedb.face c on c.id = ff.face_id join facedb.image i on i.id = c.image_id
          where ff.scan_id = f.scan_id and ff.rank = f.rank and ff.role in ('wrong', 'copy')) t) m
where f.scan_id = %(scan_id)s and f.confidence >= %(certain)s
  and f.told_class in ('merge', 'stray', 'duplicate', 'unlabelled', 'newcomer')
  and (%(dataset)s::text is null or f.dataset_a = %(dataset)s)
order by f.rank;
