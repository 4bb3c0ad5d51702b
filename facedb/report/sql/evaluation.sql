-- name: add_evaluation
-- Keep an evaluation.
insert into facedb.evaluation (scan_id, kind, spec, seed, threshold, planted, found, findings, average_precision, scan_seconds, findings_seconds,
                               calibration_error)
values (%(scan_id)s, %(kind)s, %(spec)s, %(seed)s, %(threshold)s, %(planted)s, %(found)s, %(findings)s, %(average_precision)s,
        %(scan_seconds)s, %(findings_seconds)s, %(calibration_error)s)
returning id;

-- name: add_evaluation_class
-- One class of an evaluation.
insert into facedb.evaluation_class (evaluation_id, class, planted, found, average_precision, first_rank, last_rank)
values (%(evaluation_id)s, %(class)s, %(planted)s, %(found)s, %(average_precision)s, %(first_rank)s, %(last_rank)s);

-- name: add_evaluation_points
-- The curve of an evaluation.
insert into facedb.evaluation_point (evaluation_id, rank, precision, recall)
select %(evaluation_id)s, p.rank, p.precision, p.recall
from unnest(%(ranks)s::integer[], %(precisions)s::double precision[], %(recalls)s::double precision[]) as p(rank, precision, recall);

-- name: add_evaluation_tenth
-- How often the findings of one tenth of the confidence were true.
insert into facedb.evaluation_tenth (evaluation_id, above, findings, confidence, true_findings)
values (%(evaluation_id)s, %(above)s, %(findings)s, %(confidence)s, %(true)s);

-- name: add_evaluation_miss
-- A known mistake that no finding names.
insert into facedb.evaluation_miss (evaluation_id, number, class, identity_a, identity_b, images)
values (%(evaluation_id)s, %(number)s, %(class)s, %(identity_a)s, %(identity_b)s, %(images)s);
