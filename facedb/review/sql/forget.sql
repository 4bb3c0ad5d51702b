-- name: at_work
-- Other sessions in which facedb may be at work here: they hold its locks. Whoever only reads can hold such a lock, and bring back nothing.
select distinct a.pid, a.usename, a.application_name
from pg_locks l join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.granted and a.pid <> pg_backend_pid() and has_schema_privilege(a.usesysid, 'facedb', 'usage')
  and l.database = (select oid from pg_database where datname = current_database()) order by 1;

-- name: images_at
-- Images at a path below any root, whatever became of them.
select i.id, d.name from facedb.image i join facedb.source s on s.id = i.source_id join facedb.dataset d on d.id = s.dataset_id
where i.path = any(%(paths)s) and (%(dataset)s::text is null or d.name = %(dataset)s) order by d.name, i.id;

-- name: make
-- What is to be forgotten, for this transaction.
create temporary table gone_image (id bigint primary key, dataset_id integer, sha256 bytea, path text) on commit drop;
create temporary table gone_identity (id integer primary key, dataset_id integer, name text) on commit drop;
create temporary table gone_face (id bigint primary key) on commit drop;
create temporary table gone_embedding (id bigint, model_id integer, primary key (model_id, id)) on commit drop;
create temporary table touched (scan_id integer, identity_id integer, primary key (scan_id, identity_id)) on commit drop;

-- name: take_identity
-- One label.
insert into gone_identity select id, dataset_id, name from facedb.identity where id = %(key)s;

-- name: take_dataset
-- Every label of a dataset.
insert into gone_identity select id, dataset_id, name from facedb.identity where dataset_id = %(key)s;

-- name: take_images
-- The images of the labels, one image, or all of a dataset; and the other names of their files.
with named as (
    select i.id, s.dataset_id, i.sha256, i.path, i.reject_code
    from facedb.image i join facedb.source s on s.id = i.source_id
    where i.identity_id in (select id from gone_identity) or i.id = any(%(images)s) or s.dataset_id = %(dataset)s
)
insert into gone_image
select id, dataset_id, sha256, path from named
union
select i.id, s.dataset_id, i.sha256, i.path
from facedb.image i join facedb.source s on s.id = i.source_id
join named n on n.dataset_id = s.dataset_id and n.sha256 = i.sha256
where i.reject_code in ('same_file', 'other_label') or n.reject_code in ('same_file', 'other_label');

-- name: take_faces
-- Every face in the images, bystanders included.
insert into gone_face select f.id from facedb.face f join gone_image i on i.id = f.image_id;

-- name: take_bystanders
-- Faces in photos of others that are one of the labels: what the newest scan of each says of it counts.
insert into gone_face
select k.face_id
from (
    select distinct on (m.face_id) m.face_id, m.also_identity
    from facedb.scan_face m join facedb.scan s on s.id = m.scan_id and s.status = 'finished'
    where m.face_id in (select o.face_id from facedb.scan_face o where o.also_identity in (select id from gone_identity))
    order by m.face_id, m.scan_id desc
) k
where k.also_identity in (select id from gone_identity)
on conflict do nothing;

-- name: shown_elsewhere
-- Other photos that show one of the labels, by what the newest scans found or a person said, the surest first.
with newest as (select max(s.id) as id from facedb.scan s where s.status = 'finished' group by s.model_id),
told as (
    select f.image_id, max(n.confidence) as confidence
    from facedb.finding n
    join facedb.finding_face m on m.scan_id = n.scan_id and m.rank = n.rank and m.role = 'wrong'
    join facedb.face f on f.id = m.face_id
    where n.scan_id in (select id from newest) and n.class in ('stray', 'unlabelled') and n.confidence >= %(likely)s
      and n.identity_b in (select id from gone_identity)
    group by f.image_id
    union all
    select v.image_a, 1 from facedb.verdict v
    where v.target_identity in (select id from gone_identity) and v.verdict = 'wrong-identity'
)
select i.path from told t join facedb.image i on i.id = t.image_id
where i.id not in (select id from gone_image) group by i.id, i.path order by max(t.confidence) desc, i.path;

-- name: take_embeddings
-- Their vectors under every contract.
insert into gone_embedding select e.id, e.model_id from facedb.embedding e join gone_face f on f.id = e.face_id;

-- name: take_touched
-- The labels that the faces had in each scan: what a scan says of those was counted with them.
insert into touched
select distinct b.scan_id, m.identity_id
from facedb.scan s join facedb.scan_block b on b.scan_id = s.id
cross join unnest(b.embedding_ids, b.identity_ids) as m(embedding_id, identity_id)
join gone_embedding g on g.model_id = s.model_id and g.id = m.embedding_id;

-- name: open_plans
-- Plans that are under way on these images: half done they could be neither finished nor undone.
select distinct p.id from facedb.plan p join facedb.plan_step t on t.plan_id = p.id
where p.state in ('applying', 'undoing')
  and (t.image_id in (select id from gone_image) or t.kept_image in (select id from gone_image)
       or t.identity_from in (select id from gone_identity) or t.identity_to in (select id from gone_identity));

-- name: own_scans
-- Scans that compared nothing else than a dataset.
select s.id from facedb.scan s
where exists (select from facedb.scan_dataset d where d.scan_id = s.id and d.dataset_id = %(dataset)s)
  and not exists (select from facedb.scan_dataset d where d.scan_id = s.id and d.dataset_id <> %(dataset)s);

-- name: count
-- How much it is.
select (select count(*) from gone_image), (select count(*) from gone_face), (select count(*) from gone_embedding),
       (select count(*) from gone_identity),
       (select count(*) from facedb.image i where i.id not in (select id from gone_image) and i.sha256 in (select sha256 from gone_image));

-- name: models
-- The contracts that embedded them.
select distinct model_id from gone_embedding order by 1;

-- name: drop_pairs
-- Flagged pairs with one of the faces; returns how many of which scan.
with gone as (
    delete from facedb.flagged_pair p
    where p.face_a in (select id from gone_face) or p.face_b in (select id from gone_face) returning p.scan_id
)
select scan_id, count(*) from gone group by 1 order by 1;

-- name: drop_findings
-- Findings on these labels, or that show one of the faces.
delete from facedb.finding f
where (f.scan_id, f.identity_a) in (select scan_id, identity_id from touched)
   or (f.scan_id, f.identity_b) in (select scan_id, identity_id from touched)
   or exists (select from facedb.finding_face m join gone_face g on g.id = m.face_id where m.scan_id = f.scan_id and m.rank = f.rank);

-- name: part_swaps
-- Findings whose other half is gone.
update facedb.finding f set swap_rank = null
where f.swap_rank is not null and not exists (select from facedb.finding o where o.scan_id = f.scan_id and o.rank = f.swap_rank);

-- name: drop_link_parts
-- The same of a scan that was begun and not finished.
delete from facedb.link_part l
where (l.scan_id, l.identity_a) in (select scan_id, identity_id from touched)
   or (l.scan_id, l.identity_b) in (select scan_id, identity_id from touched);

-- name: drop_links
-- Links of these labels: their counts and scores hold the faces.
delete from facedb.link l
where (l.scan_id, l.identity_a) in (select scan_id, identity_id from touched)
   or (l.scan_id, l.identity_b) in (select scan_id, identity_id from touched);

-- name: recount_scans
-- What is left of the scans.
update facedb.scan s
set pairs = (select count(*) from facedb.flagged_pair p where p.scan_id = s.id),
    links = (select count(*) from facedb.link l where l.scan_id = s.id)
where s.status = 'finished' and s.id in (select scan_id from touched);

-- name: forget_on
-- Verdicts go only when this is said.
select set_config('facedb.forget', 'on', true);

-- name: drop_verdicts
-- What was said of the images or the labels.
delete from facedb.verdict v
where v.identity_a in (select id from gone_identity) or v.identity_b in (select id from gone_identity)
   or v.target_identity in (select id from gone_identity)
   or v.image_a in (select id from gone_image) or v.image_b in (select id from gone_image)
   or v.sha256_a in (select sha256 from gone_image) and not exists (select from facedb.image i where i.id = v.image_a)
   or v.sha256_b in (select sha256 from gone_image) and not exists (select from facedb.image i where i.id = v.image_b);

-- name: drop_taken_faces
-- Where people said their faces are.
delete from facedb.taken_face t
where t.image_id in (select id from gone_image)
   or t.sha256 in (select sha256 from gone_image) and not exists (select from facedb.image i where i.id = t.image_id);

-- name: clear_known
-- Verdicts on links remember which images were known by the first bytes of their hashes.
update facedb.verdict v
set known_images = array(select k from unnest(v.known_images) k where k not in (
    select ('x' || encode(substr(g.sha256, 1, 8), 'hex'))::bit(64)::bigint from gone_image g where g.sha256 is not null))
where v.known_images && array(
    select ('x' || encode(substr(g.sha256, 1, 8), 'hex'))::bit(64)::bigint from gone_image g where g.sha256 is not null);

-- name: drop_steps
-- Steps of plans that move these images, into or out of these labels.
with gone as (
    delete from facedb.plan_step t
    where t.image_id in (select id from gone_image) or t.kept_image in (select id from gone_image)
       or t.identity_from in (select id from gone_identity) or t.identity_to in (select id from gone_identity)
    returning t.plan_id
)
select plan_id, count(*) from gone group by 1;

-- name: drop_folders
-- Folders of those plans that no step is left below.
delete from facedb.plan_folder f
where f.plan_id = any(%(plans)s) and f.path <> '' and not exists (
    select from facedb.plan_step t
    where t.plan_id = f.plan_id and t.source_id = f.source_id and (t.path_from ^@ (f.path || '/') or t.path_to ^@ (f.path || '/')));

-- name: drop_empty_plans
-- Plans of which nothing is left.
delete from facedb.plan p where p.id = any(%(plans)s) and not exists (select from facedb.plan_step t where t.plan_id = p.id);

-- name: drop_misses
-- What evaluations name.
delete from facedb.evaluation_miss m
where m.images && array(select path from gone_image)
   or exists (
       select from gone_identity n join facedb.dataset d on d.id = n.dataset_id
       where n.name in (m.identity_a, m.identity_b) or d.name || '/' || n.name in (m.identity_a, m.identity_b)
          or m.identity_a = n.name || ' (second half)' or m.identity_b = n.name || ' (second half)');

-- name: files
-- Where the files are.
select s.root, coalesce(i.container, i.path), i.container is not null, i.sha256
from facedb.image i join gone_image g on g.id = i.id join facedb.source s on s.id = i.source_id
where i.format is distinct from 'vector' and i.sha256 is not null order by 1, 2;

-- name: drop_faces
-- Faces that go while their photo stays.
delete from facedb.face f using gone_face g where g.id = f.id and f.image_id not in (select id from gone_image);

-- name: drop_images
-- The images with their faces, vectors and rejects.
delete from facedb.image i using gone_image g where g.id = i.id;

-- name: drop_counts
-- What is counted of the labels.
delete from facedb.outcome_count o where o.identity_id in (select id from gone_identity);

-- name: drop_identities
-- The labels.
delete from facedb.identity n using gone_identity g where g.id = n.id;

-- name: drop_dataset
-- A dataset with its sources.
delete from facedb.dataset where id = %(dataset)s;

-- name: number
-- The number of this transaction, older than which nobody may look any more before the rows are really gone.
select pg_current_xact_id()::text;

-- name: partitions
-- The tables of these contracts, and of scans under them.
select 'embedding_' || m from unnest(%(models)s::integer[]) m
union all select 'flagged_pair_' || s.id from facedb.scan s where s.model_id = any(%(models)s) order by 1;
