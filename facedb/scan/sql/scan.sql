-- name: faces
-- Who is in the gallery of a contract, and a number that tells its vector from others. What a person took every label from left it.
-- (Composed: the partition, the dimension.)
-- The offset keeps the vectors out of the joins, which would write all of them to temporary files.
-- How a face is turned is told by its eyes and by the way from them to the mouth, as in a profile the eyes lie on one spot.
select e.id, e.face_id, e.norm, e.mark,
       f.image_id, coalesce(f.size_px, 'NaN') as size_px, coalesce(f.sharpness, 'NaN') as sharpness,
       coalesce(atan2d(f.landmarks[4] - f.landmarks[2] - (f.landmarks[7] + f.landmarks[9] - f.landmarks[1] - f.landmarks[3]) / 2,
                       f.landmarks[3] - f.landmarks[1] + (f.landmarks[8] + f.landmarks[10] - f.landmarks[2] - f.landmarks[4]) / 2)::real, 'NaN') as roll,
       coalesce(i.identity_id, 0) as identity_id, s.dataset_id,
       case when i.status = 'ready' and (i.identity_id is not null or i.labelled_by = 'source') then 1 else 0 end as present,
       case when i.sha256 is null then 0 else 1 end as has_content,
       coalesce(substring(i.sha256 from 1 for 8), '\x0000000000000000') as content,
       case when i.phash is null then 0 else 1 end as has_look, coalesce(i.phash, 0) as look
from (
    select id, face_id, norm, hashfloat8extended(
        vector_norm(vec), hashfloat8extended(vec <#> array_fill(1::real, array[{dim}])::vector, 0)
    ) as mark
    from {embedding} offset 0
) e
join facedb.face f on f.id = e.face_id
join facedb.image i on i.id = f.image_id
join facedb.source s on s.id = i.source_id

-- name: table_sizes
-- How many bytes the partition of a contract has, and the tables that its faces and images are in. (Composed: the partition.)
select pg_relation_size({embedding}::regclass), pg_relation_size('facedb.face'), pg_relation_size('facedb.image');

-- name: packed_embeddings
-- The embeddings of a contract as in `faces`, some thousand of them in each row, column by column. (Composed: partition, pages, dimension.)
select array_send(p.id), array_send(p.face_id), array_send(p.norm), array_send(p.mark)
from generate_series({first}::bigint, {end}::bigint - 1, {step}::bigint) as run(page)
cross join lateral (
    select array_agg(id) as id, array_agg(face_id) as face_id, array_agg(norm) as norm,
           array_agg(hashfloat8extended(
               vector_norm(vec), hashfloat8extended(vec <#> array_fill(1::real, array[{dim}])::vector, 0)
           )) as mark
    from {embedding}
    where ctid >= format('(%s,0)', run.page)::tid and ctid < format('(%s,0)', least(run.page + {step}, {end}))::tid
) p
where p.id is not null

-- name: packed_faces
-- Faces of all contracts in the same way. (Composed: pages.)
select array_send(p.id), array_send(p.image_id), array_send(p.size_px), array_send(p.sharpness), array_send(p.roll)
from generate_series({first}::bigint, {end}::bigint - 1, {step}::bigint) as run(page)
cross join lateral (
    select array_agg(id) as id, array_agg(image_id) as image_id, array_agg(coalesce(size_px, 'NaN')) as size_px,
           array_agg(coalesce(sharpness, 'NaN')) as sharpness,
           array_agg(coalesce(atan2d(landmarks[4] - landmarks[2] - (landmarks[7] + landmarks[9] - landmarks[1] - landmarks[3]) / 2,
                                     landmarks[3] - landmarks[1] + (landmarks[8] + landmarks[10] - landmarks[2] - landmarks[4]) / 2)::real, 'NaN')) as roll
    from facedb.face
    where ctid >= format('(%s,0)', run.page)::tid and ctid < format('(%s,0)', least(run.page + {step}, {end}))::tid
) p
where p.id is not null

-- name: packed_images
-- Images in the same way. (Composed: pages.)
select array_send(p.id), array_send(p.identity_id), array_send(p.dataset_id), array_send(p.present), array_send(p.has_content),
       array_send(p.content), array_send(p.has_look), array_send(p.look)
from generate_series({first}::bigint, {end}::bigint - 1, {step}::bigint) as run(page)
cross join lateral (
    select array_agg(i.id) as id, array_agg(coalesce(i.identity_id, 0)) as identity_id, array_agg(s.dataset_id) as dataset_id,
           array_agg(case when i.status = 'ready' and (i.identity_id is not null or i.labelled_by = 'source') then 1 else 0 end) as present,
           array_agg(case when i.sha256 is null then 0 else 1 end) as has_content,
           array_agg(coalesce(substring(i.sha256 from 1 for 8), '\x0000000000000000')) as content,
           array_agg(case when i.phash is null then 0 else 1 end) as has_look, array_agg(coalesce(i.phash, 0)) as look
    from facedb.image i join facedb.source s on s.id = i.source_id
    where i.ctid >= format('(%s,0)', run.page)::tid and i.ctid < format('(%s,0)', least(run.page + {step}, {end}))::tid
) p
where p.id is not null

-- name: packed
-- Vectors of a range of pages, some hundred strung together in each row. (Composed: partition, pages.)
select p.ids, p.vectors
from generate_series({first}::bigint, {end}::bigint - 1, {step}::bigint) as run(page)
cross join lateral (
    select string_agg(int8send(id), ''::bytea) as ids, string_agg(vector_send(vec), ''::bytea) as vectors
    from {embedding}
    where ctid >= format('(%s,0)', run.page)::tid and ctid < format('(%s,0)', least(run.page + {step}, {end}))::tid
) p
where p.ids is not null

-- name: packed_of_faces
-- Vectors of some faces in the same way, those with neighbouring numbers strung together. (Composed: partition, model, faces, step.)
select string_agg(int8send(id), ''::bytea) as ids, string_agg(vector_send(vec), ''::bytea) as vectors
from {embedding} where model_id = {model} and face_id = any({faces}::bigint[])
group by face_id / {step}

-- name: packed_pairs
-- The flagged pairs of a scan, some thousand of them in each row, column by column. (Composed: the partition, its name, pages.)
select array_send(p.face_a), array_send(p.face_b), array_send(p.score)
from generate_series(0, pg_relation_size({name}::regclass) / current_setting('block_size')::bigint, {step}::bigint) as run(page)
cross join lateral (
    select array_agg(face_a) as face_a, array_agg(face_b) as face_b, array_agg(score) as score
    from {pairs}
    where ctid >= format('(%s,0)', run.page)::tid and ctid < format('(%s,0)', run.page + {step})::tid
) p
where p.face_a is not null

-- name: this_database
-- Names this very database: the cluster, the database within it.
select (select system_identifier from pg_control_system()) || '-' || (select oid from pg_database where datname = current_database());

-- name: pairs_are_indexed
-- Whether that was done already, by a run that ended before its findings did or beside them. (Composed: the partition.)
select exists (select from pg_index where indrelid = {partition}::regclass and indisprimary);

-- name: add_partition
-- The place of the pairs of a scan that has begun.
select facedb.add_pairs(%(scan_id)s);

-- name: index_pairs
-- The last block is done: the pairs are looked up from here on.
select facedb.index_pairs(%(scan_id)s);

-- name: is_unlabelled
-- Whether there are images and none has a label, of all datasets or of some.
select not exists (
    select from facedb.image i join facedb.source s on s.id = i.source_id
    where i.status = 'ready' and i.identity_id is not null
      and (%(datasets)s::integer[] is null or s.dataset_id = any(%(datasets)s::integer[]))
) and exists (
    select from facedb.image i join facedb.source s on s.id = i.source_id
    where i.status = 'ready' and (%(datasets)s::integer[] is null or s.dataset_id = any(%(datasets)s::integer[]))
);

-- name: running_scans
-- Scans that were begun with the same parameters and never finished, newest first.
select id from facedb.scan
where status = 'running' and model_id = %(model_id)s and scope = %(scope)s and threshold = %(threshold)s
  and (base_scan_id is null or not %(full)s)
order by id desc;

-- name: base_scans
-- Finished scans of the same gallery at the same or a lower threshold, the newest first.
select id from facedb.scan
where status = 'finished' and model_id = %(model_id)s and scope = %(scope)s and threshold <= %(threshold)s
order by id desc;

-- name: lowest_scanned
-- The lowest threshold at which this gallery was scanned to the end.
select min(threshold) from facedb.scan where status = 'finished' and model_id = %(model_id)s and scope = %(scope)s;

-- name: scan_by_id
-- One scan.
select id, model_id, base_scan_id, status, threshold, scope, engine, faces, new_faces, identities, comparisons, pairs, links,
       join_seconds, started_at, finished_at, made_by, faceless
from facedb.scan where id = %(scan_id)s;

-- name: latest_scan
-- The newest finished scan, of all or of those that cover some datasets or have a contract.
select id from facedb.scan
where status = 'finished'
  and (%(datasets)s::integer[] is null or scope -> 'datasets' is null or scope -> 'datasets' = 'null'::jsonb
       or scope -> 'datasets' @> to_jsonb(%(datasets)s::integer[]))
  and (%(model_id)s::integer is null or model_id = %(model_id)s)
order by id desc limit 1;

-- name: set_engine
-- A resumed scan may go on with another engine: the rows are the same.
update facedb.scan set engine = %(engine)s where id = %(scan_id)s;

-- name: finish_scan
-- Close a scan; from here on it does not change.
update facedb.scan s
set status = 'finished', finished_at = now(), pairs = %(pairs)s, links = %(links)s, certain_above = %(certain_above)s,
    made_by = %(made_by)s, faceless = %(faceless)s,
    comparisons = (select coalesce(sum(t.comparisons), 0) from facedb.scan_tile t where t.scan_id = s.id),
    join_seconds = (select coalesce(sum(t.seconds), 0) from facedb.scan_tile t where t.scan_id = s.id)
where s.id = %(scan_id)s;

-- name: face_boxes
-- Where faces are in their photos.
select f.id, f.box, i.width, i.height from facedb.face f join facedb.image i on i.id = f.image_id
where f.id = any(%(ids)s) and f.box is not null and i.width is not null and i.height is not null;

-- name: taken_faces
-- Where the faces are that people took.
select image_id, box_x, box_y, box_width, box_height from bi.taken_faces;

-- name: add_scan_face
-- What a face was to a scan.
insert into facedb.scan_face (scan_id, face_id, role, faces, fit, also_identity, also_score)
values (%s, %s, %s, %s, %s, %s, %s);

-- name: labelled
-- Images of a dataset that have a label, and labels.
select count(*), count(distinct i.identity_id) from facedb.image i join facedb.source s on s.id = i.source_id
where s.dataset_id = %(dataset_id)s and i.status = 'ready' and i.identity_id is not null;

-- name: faceless
-- Photos of some datasets that gave no face under a contract and have a thumbnail: key, label, and the first bits of the hash of the file.
select i.id, coalesce(i.identity_id, -1),
       ('x' || encode(substring(i.sha256 from 1 for 8), 'hex'))::bit(64)::bigint & 9223372036854775807
from facedb.embed_reject r
join facedb.image i on i.id = r.image_id and i.status = 'ready' and (i.identity_id is not null or i.labelled_by = 'source')
join facedb.source s on s.id = i.source_id
join facedb.thumbnail t on t.image_id = i.id
where r.model_id = %(model_id)s and s.dataset_id = any(%(datasets)s::integer[]) and i.sha256 is not null
  and case when i.identity_id is null then %(unlabelled)s else %(labelled)s end
order by i.id;

-- name: has_thumbnails
-- Whether any image has a thumbnail: vectors that came without images have none.
select exists (select from facedb.thumbnail);

-- name: views
-- Hashes of the turns and crops of images.
select t.image_id, t.views from facedb.thumbnail t where t.image_id = any(%(ids)s::bigint[]);

-- name: thumbnails
-- Images, small and grey.
select image_id, grey from facedb.thumbnail where image_id = any(%(ids)s::bigint[]);
