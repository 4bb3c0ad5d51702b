-- name: add_tiles
-- Write down what a scan has to do.
insert into facedb.scan_tile (scan_id, tile, block, first_column, last_column)
select %(scan_id)s, t.tile, t.block, t.first_column, t.last_column
from unnest(%(tiles)s::integer[], %(blocks)s::integer[], %(first)s::integer[], %(last)s::integer[])
    as t(tile, block, first_column, last_column);

-- name: claim_tile
-- Take the next tile that nobody works on, from a place in the order on; a lease that ran out frees its tile.
update facedb.scan_tile t
set status = 'claimed', worker = %(worker)s, attempt = attempt + 1, leased_until = clock_timestamp() + %(lease)s * interval '1 second'
where (t.scan_id, t.tile) = (
    select c.scan_id, c.tile from facedb.scan_tile c
    where c.scan_id = %(scan_id)s and c.tile >= %(start)s and c.tile < %(stop)s
      and (c.status = 'pending' or (c.status = 'claimed' and c.leased_until < clock_timestamp()))
    order by c.tile limit 1 for update skip locked
)
returning t.tile, t.block, t.first_column, t.last_column, t.attempt;

-- name: finish_tile
-- Mark a tile as searched in the transaction that holds its pairs; nothing happens where somebody else has it by now.
update facedb.scan_tile
set status = 'done', leased_until = null, pairs = %(pairs)s, candidates = %(candidates)s, comparisons = %(comparisons)s,
    seconds = %(seconds)s, finished_at = now()
where scan_id = %(scan_id)s and tile = %(tile)s and status = 'claimed' and worker = %(worker)s and attempt = %(attempt)s;

-- name: renew_lease
-- A worker that is still at work keeps what it has claimed.
update facedb.scan_tile set leased_until = clock_timestamp() + %(lease)s * interval '1 second'
where scan_id = %(scan_id)s and status = 'claimed' and worker = %(worker)s;

-- name: release_tiles
-- A worker that leaves gives back at once what it has not finished.
update facedb.scan_tile set status = 'pending', leased_until = null
where scan_id = %(scan_id)s and status = 'claimed' and worker = %(worker)s;

-- name: claimants
-- Who has claimed tiles that are not finished.
select distinct worker from facedb.scan_tile where scan_id = %(scan_id)s and status = 'claimed' and worker is not null;

-- name: tile_counts
-- How far a scan is: tiles, those that are done, those that somebody works on.
select count(*), count(*) filter (where status = 'done'),
       count(*) filter (where status = 'claimed' and leased_until >= clock_timestamp())
from facedb.scan_tile where scan_id = %(scan_id)s;

-- name: progress
-- Tiles that are left, those that nobody works on, and the pairs of faces that were compared in the others.
select count(*) filter (where status <> 'done'),
       count(*) filter (where status = 'pending' or (status = 'claimed' and leased_until < clock_timestamp())),
       coalesce(sum(comparisons), 0)
from facedb.scan_tile where scan_id = %(scan_id)s;

-- name: open_tiles
-- What is left to do.
select tile, block, first_column, last_column, attempt from facedb.scan_tile
where scan_id = %(scan_id)s and status <> 'done' order by tile;

-- name: open_scans
-- Scans with tiles that nobody works on, oldest first.
select s.id from facedb.scan s
where s.status = 'running' and exists (
    select from facedb.scan_tile t
    where t.scan_id = s.id and (t.status = 'pending' or (t.status = 'claimed' and t.leased_until < clock_timestamp()))
)
order by s.id;

-- name: strip
-- Who is in a block, as its scan wrote it down.
select embedding_ids, identity_ids, face_ids from facedb.scan_block where scan_id = %(scan_id)s and block = %(block)s;

-- name: strip_sizes
-- How many faces each block holds.
select block, cardinality(embedding_ids) from facedb.scan_block where scan_id = %(scan_id)s order by block;

-- name: strip_faces
-- The faces of a block with their images and, unless these come from elsewhere, their vectors. (Composed: the columns and the partition.)
select {columns}
from {embedding} join (select id as face_id, image_id from facedb.face) f using (face_id)
where face_id = any({faces}::bigint[])
