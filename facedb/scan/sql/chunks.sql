-- name: begin
-- Where the vectors of a scan are about to be.
update facedb.scan set chunks = %(place)s, chunks_sha256 = null where id = %(scan_id)s;

-- name: ready
-- They are all there.
update facedb.scan set chunks_sha256 = %(sha256)s where id = %(scan_id)s;

-- name: gone
-- They are deleted.
update facedb.scan set chunks = null, chunks_sha256 = null where id = %(scan_id)s;

-- name: chunks
-- Where the vectors of a scan are, and what their manifest hashes to.
select chunks, chunks_sha256 from facedb.scan where id = %(scan_id)s;

-- name: places
-- Where vectors of scans lie.
select id, chunks from facedb.scan where id = any(%(scan_ids)s::integer[]) and chunks is not null order by id;

-- name: of_models
-- Where vectors under some contracts lie outside the tables; from here on nothing is known of them.
with old as (
    select id, chunks from facedb.scan where model_id = any(%(models)s::integer[]) and chunks is not null for update
)
update facedb.scan s set chunks = null, chunks_sha256 = null from old where s.id = old.id returning old.chunks;
