-- The contracts of each dataset. As counted, or, after a change that nobody has counted yet, counted now.
create view bi.contracts as
select d.name as dataset, m.name as model, c.faces, c.is_current, c.last_embedding, c.dataset_id, c.model_id
from (
    select dataset_id, model_id, faces, last_embedding, is_current from facedb.dataset_contract
    where not exists (select from facedb.uncounted where what = 'contracts')
    union all
    select dataset_id, model_id, faces, last_embedding, is_current from facedb.contracts_now()
    where exists (select from facedb.uncounted where what = 'contracts')
) c
join facedb.dataset d on d.id = c.dataset_id
join facedb.model m on m.id = c.model_id;
comment on view bi.contracts is 'The model contracts under which a dataset was embedded.';
comment on column bi.contracts.dataset is 'Dataset.';
comment on column bi.contracts.model is 'Model contract.';
comment on column bi.contracts.faces is 'Faces of present images embedded under it.';
comment on column bi.contracts.is_current is 'Whether it embedded a face of the dataset last: one contract of each dataset.';
comment on column bi.contracts.last_embedding is 'Number of its newest embedding; 0 if it found no face.';
comment on column bi.contracts.dataset_id is 'Key of the dataset.';
comment on column bi.contracts.model_id is 'Key of the contract.';

-- What became of every file under every contract of its dataset.
create view bi.outcomes as
select d.name as dataset, n.name as identity, i.path, m.name as model,
       case
           when i.status <> 'ready' then i.status
           when e.faces is not null then 'embedded'
           when r.code is not null then 'rejected'
           else 'pending'
       end as outcome,
       case when i.status <> 'ready' then i.reject_code when e.faces is null then r.code end as code,
       case when i.status <> 'ready' then i.reject_detail when e.faces is null then r.detail end as detail,
       case when i.status = 'ready' then coalesce(e.faces, 0) else 0 end as faces, i.bytes,
       coalesce(c.is_current, true) as is_current, s.dataset_id, i.identity_id, i.id as image_id, c.model_id,
       i.status = 'ready' as is_present
from facedb.image i
left join facedb.source s on s.id = i.source_id
left join facedb.dataset d on d.id = s.dataset_id
left join facedb.identity n on n.id = i.identity_id
left join bi.contracts c on c.dataset_id = s.dataset_id
left join facedb.model m on m.id = c.model_id
left join (
    select f.image_id, e.model_id, count(*) as faces
    from facedb.embedding e join facedb.face f on f.id = e.face_id group by 1, 2
) e on e.image_id = i.id and e.model_id = c.model_id
left join facedb.embed_reject r on r.image_id = i.id and r.model_id = c.model_id;
comment on view bi.outcomes is 'What became of every file, once for each contract that has looked at its dataset. For counts use bi.outcome_counts, which is fast.';
comment on column bi.outcomes.dataset is 'Dataset.';
comment on column bi.outcomes.identity is 'Label.';
comment on column bi.outcomes.path is 'Path below the root of the source.';
comment on column bi.outcomes.model is 'Model contract; null while none has looked at the dataset.';
comment on column bi.outcomes.outcome is 'embedded, rejected, ignored, vanished or pending under that contract.';
comment on column bi.outcomes.code is 'Reject or ignore code.';
comment on column bi.outcomes.detail is 'The same in a sentence.';
comment on column bi.outcomes.faces is 'Embedded faces in it.';
comment on column bi.outcomes.bytes is 'Size in bytes.';
comment on column bi.outcomes.is_current is 'Whether it is the contract that embedded the dataset last: filter on it to have each file once.';
comment on column bi.outcomes.dataset_id is 'Key of the dataset.';
comment on column bi.outcomes.identity_id is 'Key of the label.';
comment on column bi.outcomes.image_id is 'Key of the image.';
comment on column bi.outcomes.model_id is 'Key of the contract.';
comment on column bi.outcomes.is_present is 'Whether it is there to be embedded, so that a reject is the contract''s.';

-- The same, counted.
create view bi.outcome_counts as
select d.name as dataset, n.name as identity, m.name as model, o.outcome, o.code, o.files, o.faces, o.bytes,
       coalesce(c.is_current, true) as is_current, o.dataset_id, o.identity_id, o.model_id, o.is_present
from (
    select dataset_id, identity_id, model_id, outcome, code, is_present, files, faces, bytes from facedb.outcome_count
    where not exists (select from facedb.uncounted)
    union all
    select dataset_id, identity_id, model_id, outcome, code, is_present, files, faces, bytes from facedb.outcomes_now()
    where exists (select from facedb.uncounted)
) o
join facedb.dataset d on d.id = o.dataset_id
left join facedb.identity n on n.id = o.identity_id
left join facedb.model m on m.id = o.model_id
left join bi.contracts c on c.dataset_id = o.dataset_id and c.model_id = o.model_id;
comment on view bi.outcome_counts is 'How many files became what, by dataset, label, contract and code: sums over it are fast.';
comment on column bi.outcome_counts.dataset is 'Dataset.';
comment on column bi.outcome_counts.identity is 'Label; null for files without one.';
comment on column bi.outcome_counts.model is 'Model contract; null while none has looked at the dataset.';
comment on column bi.outcome_counts.outcome is 'embedded, rejected, ignored, vanished or pending under that contract.';
comment on column bi.outcome_counts.code is 'Reject or ignore code.';
comment on column bi.outcome_counts.files is 'Files.';
comment on column bi.outcome_counts.faces is 'Embedded faces in them.';
comment on column bi.outcome_counts.bytes is 'Their size in bytes.';
comment on column bi.outcome_counts.is_current is 'Whether it is the contract that embedded the dataset last: filter on it to have each file once.';
comment on column bi.outcome_counts.dataset_id is 'Key of the dataset.';
comment on column bi.outcome_counts.identity_id is 'Key of the label.';
comment on column bi.outcome_counts.model_id is 'Key of the contract.';
comment on column bi.outcome_counts.is_present is 'Whether the files are there to be embedded, so that a reject is the contract''s.';

-- The same bytes in two datasets.
create view bi.shared_photos as
select da.name as dataset_a, na.name as identity_a, ia.path as path_a, db.name as dataset_b, nb.name as identity_b, ib.path as path_b,
       sa.dataset_id as dataset_a_id, sb.dataset_id as dataset_b_id, ia.identity_id as identity_a_id, ib.identity_id as identity_b_id,
       p.image_a as image_a_id, p.image_b as image_b_id
from (
    select image_a, image_b from facedb.shared_photo where not exists (select from facedb.uncounted)
    union all
    select image_a, image_b from facedb.shared_photos_now() where exists (select from facedb.uncounted)
) p
join facedb.image ia on ia.id = p.image_a
join facedb.source sa on sa.id = ia.source_id
join facedb.dataset da on da.id = sa.dataset_id
left join facedb.identity na on na.id = ia.identity_id
join facedb.image ib on ib.id = p.image_b
join facedb.source sb on sb.id = ib.source_id
join facedb.dataset db on db.id = sb.dataset_id
left join facedb.identity nb on nb.id = ib.identity_id;
comment on view bi.shared_photos is 'Photos that two datasets have with the same bytes.';
comment on column bi.shared_photos.dataset_a is 'One dataset.';
comment on column bi.shared_photos.identity_a is 'Label there.';
comment on column bi.shared_photos.path_a is 'Path there.';
comment on column bi.shared_photos.dataset_b is 'The other dataset.';
comment on column bi.shared_photos.identity_b is 'Label there.';
comment on column bi.shared_photos.path_b is 'Path there.';
comment on column bi.shared_photos.dataset_a_id is 'Key of one dataset.';
comment on column bi.shared_photos.dataset_b_id is 'Key of the other.';
comment on column bi.shared_photos.identity_a_id is 'Key of the label there.';
comment on column bi.shared_photos.identity_b_id is 'Key of the label there.';
comment on column bi.shared_photos.image_a_id is 'Key of the image there.';
comment on column bi.shared_photos.image_b_id is 'Key of the image there.';
