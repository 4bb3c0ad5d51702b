create extension if not exists vector;
create schema if not exists facedb;
create schema if not exists bi;
comment on schema facedb is 'facedb: the truth. Everything else (caches, indexes, reports) can be rebuilt from here.';
comment on schema bi is 'facedb: read-only views for other tools; a published column keeps its name and meaning.';

-- What was brought in ---------------------------------------------------------------------------------------------

create table facedb.dataset (
    id integer generated always as identity primary key,
    name text not null unique check (name <> ''),
    created_at timestamptz not null default now()
);
comment on table facedb.dataset is 'A named collection of faces; identities belong to a dataset.';
comment on column facedb.dataset.id is 'Key.';
comment on column facedb.dataset.name is 'The name people use on the command line.';
comment on column facedb.dataset.created_at is 'When the dataset was first ingested.';

create table facedb.source (
    id integer generated always as identity primary key,
    dataset_id integer not null references facedb.dataset on delete cascade,
    location text not null,
    root text not null,
    format text not null,
    options jsonb not null default '{}',
    ingested_at timestamptz,
    unique (dataset_id, location)
);
comment on table facedb.source is 'A folder, list or container that feeds a dataset.';
comment on column facedb.source.id is 'Key.';
comment on column facedb.source.dataset_id is 'The dataset that it feeds.';
comment on column facedb.source.location is 'What was given to ingest, as an absolute path in text form.';
comment on column facedb.source.root is 'What the paths of its images are relative to.';
comment on column facedb.source.format is 'folder, list, csv, parquet, npz, npy, rec or tar.';
comment on column facedb.source.options is 'The options it was ingested with, so that a later ingest repeats them.';
comment on column facedb.source.ingested_at is 'When it was last read to its end; null while it never was.';

create table facedb.identity (
    id integer generated always as identity primary key,
    dataset_id integer not null references facedb.dataset on delete cascade,
    name text not null check (name <> ''),
    created_at timestamptz not null default now(),
    unique (dataset_id, name)
);
comment on table facedb.identity is 'A label: one folder of the dataset, claimed to be one person.';
comment on column facedb.identity.id is 'Key; it stays when a folder is renamed.';
comment on column facedb.identity.dataset_id is 'The dataset it belongs to.';
comment on column facedb.identity.name is 'The label, in the text form of file names (see image.path).';
comment on column facedb.identity.created_at is 'When it was first seen.';

create table facedb.image (
    id bigint generated always as identity primary key,
    source_id integer not null references facedb.source on delete cascade,
    identity_id integer references facedb.identity,
    labelled_by text not null default 'source' check (labelled_by in ('source', 'person')),
    status text not null default 'ready' check (status in ('ready', 'ignored', 'rejected', 'vanished')),
    reject_code text,
    reject_detail text,
    path text not null,
    bytes bigint not null check (bytes >= 0),
    mtime_ns bigint,
    sha256 bytea check (octet_length(sha256) = 32),
    phash bigint,
    width integer check (width > 0),
    height integer check (height > 0),
    format text,
    container text,
    container_offset bigint check (container_offset >= 0),
    container_length bigint check (container_length >= 0),
    box real[] check (array_length(box, 1) = 4),
    landmarks real[] check (array_length(landmarks, 1) = 10),
    extra jsonb,
    first_seen_at timestamptz not null default now(),
    unique (source_id, path),
    constraint image_reject_has_a_code check ((status in ('ignored', 'rejected')) = (reject_code is not null)),
    constraint image_member_is_complete check (
        (container is null) = (container_offset is null) and (container is null) = (container_length is null)
    )
);
create index image_by_identity on facedb.image (identity_id);
create index image_by_sha256 on facedb.image (sha256) where sha256 is not null;
comment on table facedb.image is 'A file, a member of a container, or a vector that came without an image: every input seen has exactly one row.';
comment on column facedb.image.id is 'Key; it stays when a file is moved.';
comment on column facedb.image.source_id is 'Where it came from.';
comment on column facedb.image.identity_id is 'Its label; null where there is none, then it can be searched but is not scanned.';
comment on column facedb.image.labelled_by is 'source: the label follows the folder; person: a person set it and ingest leaves it alone.';
comment on column facedb.image.status is 'ready: to be embedded under each model; ignored, rejected: see reject_code; vanished: gone when last looked.';
comment on column facedb.image.reject_code is 'Why it is ignored or rejected before any model looked: a stable code.';
comment on column facedb.image.reject_detail is 'The same in a sentence.';
comment on column facedb.image.path is 'Path below the root; a name that is not UTF-8 reads bytes: and percent-encoded bytes.';
comment on column facedb.image.bytes is 'Size in bytes.';
comment on column facedb.image.mtime_ns is 'Modification time, nanoseconds since 1970.';
comment on column facedb.image.sha256 is 'SHA-256 of the bytes; null for vectors without an image.';
comment on column facedb.image.phash is '64-bit perceptual hash of the upright image.';
comment on column facedb.image.width is 'Pixels, after EXIF orientation.';
comment on column facedb.image.height is 'Pixels, after EXIF orientation.';
comment on column facedb.image.format is 'The format its bytes have, whatever its name says.';
comment on column facedb.image.container is 'The .rec or .tar file that holds it, below the root.';
comment on column facedb.image.container_offset is 'Where its bytes start in the (decompressed) container.';
comment on column facedb.image.container_length is 'How many bytes it has there.';
comment on column facedb.image.box is 'Face box x, y, w, h that the source gave.';
comment on column facedb.image.landmarks is 'Five landmarks x, y that the source gave.';
comment on column facedb.image.extra is 'Further columns of the source.';
comment on column facedb.image.first_seen_at is 'When it was first ingested.';

-- Models and what they made of the images ---------------------------------------------------------------------------

create table facedb.model (
    id integer generated always as identity primary key,
    name text not null check (name <> ''),
    digest text not null unique check (digest ~ '^[0-9a-f]{64}$'),
    contract jsonb not null,
    dim integer not null check (dim between 1 and 16000),
    detection text not null,
    weights_path text,
    detector_path text,
    created_at timestamptz not null default now()
);
comment on table facedb.model is 'A model contract: everything that changes a vector. Embeddings of different contracts are never compared.';
comment on column facedb.model.id is 'Key.';
comment on column facedb.model.name is 'The name people use; the newest contract of a name is meant.';
comment on column facedb.model.digest is 'SHA-256 over the canonical contract.';
comment on column facedb.model.contract is 'The contract: weights, preprocessing, detector, face choice, provider precision.';
comment on column facedb.model.dim is 'Length of its vectors.';
comment on column facedb.model.detection is 'The part of the contract that chooses faces; contracts that share it share face rows.';
comment on column facedb.model.weights_path is 'Where the weights were when last used.';
comment on column facedb.model.detector_path is 'Where the detector was when last used.';
comment on column facedb.model.created_at is 'When it was first used.';

create table facedb.face (
    id bigint generated always as identity primary key,
    image_id bigint not null references facedb.image on delete cascade,
    detection text not null,
    ordinal smallint not null check (ordinal >= 0),
    box real[] check (array_length(box, 1) = 4),
    landmarks real[] check (array_length(landmarks, 1) = 10),
    detector_score real,
    size_px real,
    sharpness real,
    unique (image_id, detection, ordinal)
);
comment on table facedb.face is 'One detected (or pre-cropped) face in an image.';
comment on column facedb.face.id is 'Key.';
comment on column facedb.face.image_id is 'The image it is in.';
comment on column facedb.face.detection is 'Which detector and face choice found it (see model.detection).';
comment on column facedb.face.ordinal is 'Its number within the image, 0 first.';
comment on column facedb.face.box is 'x, y, w, h in pixels of the upright image; null when the image is the face.';
comment on column facedb.face.landmarks is 'Five points x, y: eyes, nose, mouth corners, image-left first.';
comment on column facedb.face.detector_score is 'Confidence of the detector, 0 to 1.';
comment on column facedb.face.size_px is 'Shorter side of the box in pixels.';
comment on column facedb.face.sharpness is 'Variance of the Laplacian of the aligned crop; small means blurred.';

create sequence facedb.embedding_id as bigint;
create table facedb.embedding (
    id bigint not null default nextval('facedb.embedding_id'),
    face_id bigint not null references facedb.face on delete cascade,
    model_id integer not null references facedb.model on delete cascade,
    norm real not null check (norm > 0 and norm < 'infinity'),
    vec vector not null,
    primary key (model_id, face_id)
) partition by list (model_id);
alter table facedb.embedding alter column vec set storage plain;
alter sequence facedb.embedding_id owned by facedb.embedding.id;
create function facedb.renumber_embedding() returns trigger language plpgsql as $$
begin
    new.id := nextval('facedb.embedding_id');
    return new;
end
$$;
comment on function facedb.renumber_embedding() is 'A changed vector gets a new number, so that caches and incremental scans notice.';
create trigger renumber before update on facedb.embedding for each row execute function facedb.renumber_embedding();
comment on sequence facedb.embedding_id is 'Numbers embeddings; a face embedded again gets a new number.';
comment on table facedb.embedding is 'The L2-normalised float32 vector of one face under one contract; one partition per model.';
comment on column facedb.embedding.id is 'Changes when the face is embedded again, so that an incremental scan notices.';
comment on column facedb.embedding.face_id is 'The face.';
comment on column facedb.embedding.model_id is 'The contract.';
comment on column facedb.embedding.norm is 'Length of the vector before normalisation, a rough measure of quality.';
comment on column facedb.embedding.vec is 'Unit vector.';

create table facedb.embed_reject (
    image_id bigint not null references facedb.image on delete cascade,
    model_id integer not null references facedb.model on delete cascade,
    code text not null,
    detail text not null,
    rejected_at timestamptz not null default now(),
    primary key (model_id, image_id)
);
comment on table facedb.embed_reject is 'An image that gave no face under a contract, and why.';
comment on column facedb.embed_reject.image_id is 'The image.';
comment on column facedb.embed_reject.model_id is 'The contract.';
comment on column facedb.embed_reject.code is 'A stable code.';
comment on column facedb.embed_reject.detail is 'The same in a sentence.';
comment on column facedb.embed_reject.rejected_at is 'When.';

-- Scans ---------------------------------------------------------------------------------------------------------

create table facedb.scan (
    id integer generated always as identity primary key,
    model_id integer not null references facedb.model on delete cascade,
    base_scan_id integer references facedb.scan on delete set null,
    status text not null default 'running' check (status in ('running', 'finished', 'abandoned')),
    threshold double precision not null check (threshold between -1 and 1),
    scope jsonb not null,
    engine text not null,
    faces bigint not null check (faces >= 0),
    new_faces bigint not null check (new_faces between 0 and faces),
    identities integer not null check (identities >= 0),
    comparisons bigint not null default 0,
    pairs bigint not null default 0,
    links bigint not null default 0,
    join_seconds double precision not null default 0,
    started_at timestamptz not null default now(),
    finished_at timestamptz,
    constraint scan_finished_has_a_time check ((status = 'finished') = (finished_at is not null))
);
create index scan_by_model on facedb.scan (model_id, status, id);
comment on table facedb.scan is 'One complete search of a gallery at one threshold; immutable once finished.';
comment on column facedb.scan.id is 'Key.';
comment on column facedb.scan.model_id is 'The contract whose embeddings were compared.';
comment on column facedb.scan.base_scan_id is 'The finished scan whose pairs of unchanged faces were carried over; null for a full scan.';
comment on column facedb.scan.status is 'running (also when interrupted: it will be resumed), finished, or abandoned.';
comment on column facedb.scan.threshold is 'A pair is flagged when its score reaches this.';
comment on column facedb.scan.scope is 'Datasets and filters: which faces were in the gallery.';
comment on column facedb.scan.engine is 'The engine that searched last; all engines give the same rows.';
comment on column facedb.scan.faces is 'Faces in the gallery.';
comment on column facedb.scan.new_faces is 'Faces that were searched; the others were carried over.';
comment on column facedb.scan.identities is 'Identities in the gallery.';
comment on column facedb.scan.comparisons is 'Pairs of faces that were compared.';
comment on column facedb.scan.pairs is 'Flagged pairs.';
comment on column facedb.scan.links is 'Pairs of identities with at least one flagged pair.';
comment on column facedb.scan.join_seconds is 'Seconds spent in the join alone, summed over resumptions.';
comment on column facedb.scan.started_at is 'When it was begun.';
comment on column facedb.scan.finished_at is 'When it was finished.';

create table facedb.scan_block (
    scan_id integer not null references facedb.scan on delete cascade,
    block integer not null check (block >= 0),
    status text not null check (status in ('carried', 'pending', 'done')),
    embedding_ids bigint[] not null,
    identity_ids integer[] not null,
    pairs bigint,
    candidates bigint,
    comparisons bigint,
    seconds double precision,
    finished_at timestamptz,
    primary key (scan_id, block),
    check (array_length(embedding_ids, 1) = array_length(identity_ids, 1)),
    constraint scan_block_done_has_counts check ((status = 'done') = (pairs is not null))
);
alter table facedb.scan_block alter column embedding_ids set storage external;
alter table facedb.scan_block alter column identity_ids set storage external;
comment on table facedb.scan_block is 'A run of gallery rows: the unit of work, commit and resume, and the record of who was in the scan under which label.';
comment on column facedb.scan_block.scan_id is 'The scan.';
comment on column facedb.scan_block.block is 'Its number; a block is searched against all earlier ones and within itself.';
comment on column facedb.scan_block.status is 'carried: unchanged since the base scan; pending; done.';
comment on column facedb.scan_block.embedding_ids is 'The embeddings of the block, in gallery order.';
comment on column facedb.scan_block.identity_ids is 'Their labels when the scan began.';
comment on column facedb.scan_block.pairs is 'Flagged pairs that it yielded.';
comment on column facedb.scan_block.candidates is 'Pairs that the engine proposed and the rescoring looked at.';
comment on column facedb.scan_block.comparisons is 'Pairs of faces that it compared.';
comment on column facedb.scan_block.seconds is 'Seconds in the join.';
comment on column facedb.scan_block.finished_at is 'When it was committed.';

create table facedb.flagged_pair (
    face_a bigint not null,
    face_b bigint not null,
    score real not null,
    scan_id integer not null,
    constraint flagged_pair_is_ordered check (face_a < face_b)
) partition by list (scan_id);
comment on table facedb.flagged_pair is 'Two faces of different identities whose score reaches the threshold; one partition per scan. No foreign keys: a partition lives and dies with its scan, and a finished scan outlives pruned faces.';
comment on column facedb.flagged_pair.face_a is 'The face with the smaller key.';
comment on column facedb.flagged_pair.face_b is 'The other face.';
comment on column facedb.flagged_pair.score is 'Cosine similarity: the float64 dot product, rounded to float32.';
comment on column facedb.flagged_pair.scan_id is 'The scan.';

create table facedb.score_histogram (
    scan_id integer not null references facedb.scan on delete cascade,
    kind text not null check (kind in ('genuine', 'impostor')),
    source text not null check (source in ('counted', 'sampled')),
    bin integer not null,
    count bigint not null check (count > 0),
    primary key (scan_id, kind, source, bin)
);
comment on table facedb.score_histogram is 'How many pairs of faces have which score, under the labels; bins are 0.001 wide, bin 0 starts at -1.';
comment on column facedb.score_histogram.scan_id is 'The scan.';
comment on column facedb.score_histogram.kind is 'genuine: same identity; impostor: different identities.';
comment on column facedb.score_histogram.source is 'counted: every pair at or above the floor; sampled: a random sample of all pairs.';
comment on column facedb.score_histogram.bin is 'Scores in [-1 + bin / 1000, -1 + (bin + 1) / 1000).';
comment on column facedb.score_histogram.count is 'Pairs.';

create table facedb.score_total (
    scan_id integer not null references facedb.scan on delete cascade,
    kind text not null check (kind in ('genuine', 'impostor')),
    total bigint not null check (total >= 0),
    counted_from double precision,
    sampled bigint not null check (sampled >= 0),
    primary key (scan_id, kind)
);
comment on table facedb.score_total is 'The denominators of score_histogram.';
comment on column facedb.score_total.scan_id is 'The scan.';
comment on column facedb.score_total.kind is 'genuine or impostor.';
comment on column facedb.score_total.total is 'All pairs of the kind in the gallery.';
comment on column facedb.score_total.counted_from is 'The floor at or above which every pair was counted; null when none was.';
comment on column facedb.score_total.sampled is 'Pairs in the random sample.';

create table facedb.link (
    scan_id integer not null references facedb.scan on delete cascade,
    rank integer not null check (rank > 0),
    identity_a integer not null references facedb.identity on delete cascade,
    identity_b integer not null references facedb.identity on delete cascade,
    pairs bigint not null check (pairs > 0),
    faces_a integer not null,
    faces_b integer not null,
    size_a integer not null,
    size_b integer not null,
    max_score real not null,
    mean_score real not null,
    median_score real not null,
    centroid_score real not null,
    primary key (scan_id, identity_a, identity_b),
    unique (scan_id, rank),
    check (identity_a < identity_b),
    check (faces_a between 1 and size_a and faces_b between 1 and size_b)
);
create index link_by_identity_a on facedb.link (identity_a);
create index link_by_identity_b on facedb.link (identity_b);
comment on table facedb.link is 'All the evidence of a scan between two identities, rolled up to one row.';
comment on column facedb.link.scan_id is 'The scan.';
comment on column facedb.link.rank is '1 is the strongest: by max_score, then the larger coverage, then mean_score.';
comment on column facedb.link.identity_a is 'The identity with the smaller key.';
comment on column facedb.link.identity_b is 'The other identity.';
comment on column facedb.link.pairs is 'Flagged pairs between the two.';
comment on column facedb.link.faces_a is 'Faces of a that are in a flagged pair with b.';
comment on column facedb.link.faces_b is 'Faces of b that are in a flagged pair with a.';
comment on column facedb.link.size_a is 'Faces of a in the gallery.';
comment on column facedb.link.size_b is 'Faces of b in the gallery.';
comment on column facedb.link.max_score is 'Highest score of the flagged pairs.';
comment on column facedb.link.mean_score is 'Mean score of the flagged pairs.';
comment on column facedb.link.median_score is 'Median score of the flagged pairs.';
comment on column facedb.link.centroid_score is 'Cosine of the mean vectors of the two identities.';
