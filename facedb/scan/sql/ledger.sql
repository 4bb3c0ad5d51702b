-- name: add_scan
-- Begin a scan.
insert into facedb.scan (model_id, base_scan_id, threshold, scope, engine, faces, new_faces, identities)
values (%(model_id)s, %(base_scan_id)s, %(threshold)s, %(scope)s, %(engine)s, %(faces)s, %(new_faces)s, %(identities)s)
returning id;

-- name: add_block
-- Write down who is in a block before it is searched.
insert into facedb.scan_block (scan_id, block, carried, embedding_ids, identity_ids, face_ids)
values (%(scan_id)s, %(block)s, %(carried)s, %(embedding_ids)s::bigint[], %(identity_ids)s::integer[], %(face_ids)s::bigint[]);

-- name: keep_blocks
-- Take over the blocks of the scan that this one builds on as they are, without sending them to and fro.
insert into facedb.scan_block (scan_id, block, carried, embedding_ids, identity_ids, face_ids)
select %(scan_id)s, block, true, embedding_ids, identity_ids, face_ids from facedb.scan_block where scan_id = %(base)s;

-- name: add_datasets
-- Which datasets are in the gallery of a scan, from how many faces each label has, and each dataset of those without one.
insert into facedb.scan_dataset (scan_id, dataset_id, faces, identities)
select %(scan_id)s, n.dataset_id, sum(m.faces), count(*)
from unnest(%(identities)s::integer[], %(faces)s::integer[]) as m (identity_id, faces)
join facedb.identity n on n.id = m.identity_id group by n.dataset_id
union all
select %(scan_id)s, u.dataset_id, u.faces, 0 from unnest(%(datasets)s::integer[], %(unlabelled)s::integer[]) as u (dataset_id, faces);

-- name: blocks
-- The ledger of a scan.
select block, carried, array_send(embedding_ids), array_send(identity_ids), face_ids is not null
from facedb.scan_block where scan_id = %(scan_id)s order by block;

-- name: abandon_scan
-- A scan whose faces are gone cannot be finished.
update facedb.scan set status = 'abandoned' where id = %(scan_id)s and status = 'running';

-- name: abandon_links
-- What its tiles found between identities goes too.
delete from facedb.link_part where scan_id = %(scan_id)s;

-- name: outsiders
-- The faces without a label that took part in the findings of a scan.
select embedding_id from facedb.scan_outsider where scan_id = %(scan_id)s order by embedding_id;
