-- Where a function does not say it, the temporary schema comes first, and whoever may make temporary tables could lay one over a table
-- that the function reads with the rights of its owner.
alter function facedb.contracts_now() set search_path = pg_catalog, pg_temp;
alter function facedb.shared_photos_now() set search_path = pg_catalog, pg_temp;
alter function facedb.outcomes_now() set search_path = pg_catalog, pg_temp;
alter function facedb.renumber_embedding() set search_path = pg_catalog, pg_temp;
alter function facedb.keep_verdicts() set search_path = pg_catalog, pg_temp;
alter function facedb.note_uncounted() set search_path = pg_catalog, pg_temp;
alter function facedb.keep_audit() set search_path = pg_catalog, pg_temp;
alter function facedb.keep_taken_faces() set search_path = pg_catalog, pg_temp;

-- This one is put into the queries that call it, which a path of its own would forbid: what it names, all of it built in, is resolved
-- here, once.
create or replace function facedb.taught(confidence real, base double precision, slope double precision) returns real
language sql immutable parallel safe
return case when base is null or confidence is null then confidence
            else greatest(0.0001, least(0.9999, 1 / (1 + exp(-(base + slope * ln(
                least(greatest(confidence::double precision, 0.0001), 0.9999) / (1 - least(greatest(confidence::double precision, 0.0001), 0.9999))
            ))))))::real end;
