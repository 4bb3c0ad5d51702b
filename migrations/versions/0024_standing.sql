-- What was said of some findings is found by index: by the label that a photo had, and by the bytes of the second photo of a pair.
create index verdict_by_label on facedb.verdict (identity_a) where kind <> 'link';
create index verdict_by_sha256_b on facedb.verdict (sha256_b) where sha256_b is not null;
comment on index facedb.verdict_by_label is 'Verdicts on photos of a label.';
comment on index facedb.verdict_by_sha256_b is 'Verdicts on the second photo of a pair, wherever it lies by now.';

-- A confidence as a lesson teaches it (`facedb/findings/lessons.py`); as it was where there is none.
create function facedb.taught(confidence real, base double precision, slope double precision) returns real
language sql immutable parallel safe as $$
select case when base is null or confidence is null then confidence
            else greatest(0.0001, least(0.9999, 1 / (1 + exp(-(base + slope * ln(
                least(greatest(confidence::double precision, 0.0001), 0.9999) / (1 - least(greatest(confidence::double precision, 0.0001), 0.9999))
            ))))))::real end
$$;
comment on function facedb.taught(real, double precision, double precision) is 'A confidence as a lesson of base and slope teaches it.';
