-- As they were.
alter function facedb.contracts_now() set search_path = pg_catalog;
alter function facedb.shared_photos_now() set search_path = pg_catalog;
alter function facedb.outcomes_now() set search_path = pg_catalog;
alter function facedb.renumber_embedding() reset search_path;
alter function facedb.keep_verdicts() reset search_path;
alter function facedb.note_uncounted() reset search_path;
alter function facedb.keep_audit() reset search_path;
alter function facedb.keep_taken_faces() reset search_path;
create or replace function facedb.taught(confidence real, base double precision, slope double precision) returns real
language sql immutable parallel safe as $$
select case when base is null or confidence is null then confidence
            else greatest(0.0001, least(0.9999, 1 / (1 + exp(-(base + slope * ln(
                least(greatest(confidence::double precision, 0.0001), 0.9999) / (1 - least(greatest(confidence::double precision, 0.0001), 0.9999))
            ))))))::real end
$$;
