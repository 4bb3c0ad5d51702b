-- name: write
-- Flagged pairs of a tile, rolled up.
copy facedb.link_part (scan_id, tile, identity_a, identity_b, faces_a, faces_b, scores, best_a, best_b) from stdin;

-- name: read
-- Parts of links, those of one link together.
select identity_a, identity_b, array_send(faces_a), array_send(faces_b), array_send(scores), best_a, best_b from facedb.link_part
where scan_id = %(scan_id)s order by identity_a, identity_b, tile;

-- name: drop
-- The parts of a scan are put together.
delete from facedb.link_part where scan_id = %(scan_id)s;
