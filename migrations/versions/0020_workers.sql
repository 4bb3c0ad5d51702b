-- Scans that many machines share.

alter table facedb.scan
    add column chunks text check (chunks <> ''),
    add column chunks_sha256 bytea check (length(chunks_sha256) = 32),
    add constraint scan_chunks_have_a_place check (chunks_sha256 is null or chunks is not null);
comment on column facedb.scan.chunks is 'While it is under way: the folder, of a disk or an object store, with its vectors for workers; null where they read the tables.';
comment on column facedb.scan.chunks_sha256 is 'What the manifest in that folder must hash to; null until everything is there.';

create table facedb.link_part (
    scan_id integer not null,
    tile integer not null,
    identity_a integer not null,
    identity_b integer not null check (identity_a < identity_b),
    faces_a bigint[] not null,
    faces_b bigint[] not null,
    scores real[] not null check (cardinality(scores) > 0),
    best_a bigint not null,
    best_b bigint not null check (best_a < best_b),
    primary key (scan_id, identity_a, identity_b, tile),
    foreign key (scan_id, tile) references facedb.scan_tile on delete cascade
);
comment on table facedb.link_part is 'The flagged pairs that one tile found between two identities, rolled up; only while a scan that keeps links alone is under way.';
comment on column facedb.link_part.scan_id is 'The scan.';
comment on column facedb.link_part.tile is 'The tile that found them.';
comment on column facedb.link_part.identity_a is 'The identity with the smaller key.';
comment on column facedb.link_part.identity_b is 'The other one.';
comment on column facedb.link_part.faces_a is 'Faces of a in such a pair, each once.';
comment on column facedb.link_part.faces_b is 'Faces of b in such a pair, each once.';
comment on column facedb.link_part.scores is 'The scores of the pairs, in ascending order.';
comment on column facedb.link_part.best_a is 'The face with the smaller key of the pair that scores highest.';
comment on column facedb.link_part.best_b is 'The other face of it.';
