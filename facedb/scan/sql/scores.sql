-- name: histograms
-- The score histograms of a scan, counted and sampled.
select kind, source, array_agg(bin order by bin), array_agg(count order by bin), array_agg(mated order by bin),
       array_agg(doubt order by bin)
from facedb.score_histogram
where scan_id = %(scan_id)s group by kind, source;

-- name: totals
-- Their denominators.
select kind, total, counted_from, sampled from facedb.score_total where scan_id = %(scan_id)s;

-- name: certain_above
-- The score from which two folders of one photo each are certainly one person, by the odds of a scan.
select certain_above from facedb.scan where id = %(scan_id)s;

-- name: last_threshold
-- The threshold of the newest finished scan of a gallery.
select threshold from facedb.scan where status = 'finished' and model_id = %(model_id)s and scope = %(scope)s
order by id desc limit 1;

-- name: add_histogram
-- Counts of scores of one kind.
insert into facedb.score_histogram (scan_id, kind, source, bin, count, mated, doubt)
select %(scan_id)s, %(kind)s, %(source)s, bin, count, mated, doubt
from unnest(%(bins)s::integer[], %(counts)s::bigint[], %(mated)s::double precision[], %(doubt)s::double precision[])
    as h(bin, count, mated, doubt);

-- name: add_total
-- Their denominator.
insert into facedb.score_total (scan_id, kind, total, counted_from, sampled)
values (%(scan_id)s, %(kind)s, %(total)s, %(counted_from)s, %(sampled)s);
