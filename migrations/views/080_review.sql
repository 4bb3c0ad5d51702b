-- Where every finding stands with the people who review: what bi.findings says of it.
create view bi.review_cases as
select f.scan_id, f.rank, f.told_class as class, f.confidence, f.identity_a_id, f.identity_b_id, f.verdict as answer, f.state, f.agrees,
       f.verdict_id, f.verdict_by as said_by, f.verdict_at as said_at,
       f.hidden, f.uncalibrated, f.dataset, f.is_latest
from bi.findings f;
comment on view bi.review_cases is 'Where every finding of a finished scan stands with the people who review.';
comment on column bi.review_cases.scan_id is 'Key of the scan.';
comment on column bi.review_cases.rank is 'Rank of the finding.';
comment on column bi.review_cases.class is 'Its class.';
comment on column bi.review_cases.confidence is '0 to 1, as in bi.findings.';
comment on column bi.review_cases.identity_a_id is 'Key of identity a; null for images without labels.';
comment on column bi.review_cases.identity_b_id is 'Key of identity b; null when there is none.';
comment on column bi.review_cases.answer is 'What was said last: same, different, unsure, wrong-identity or duplicate; null when nothing was.';
comment on column bi.review_cases.state is 'open, unsure or decided; open also where only some of its images were answered, or new images joined a link that was called different.';
comment on column bi.review_cases.agrees is 'Whether people found it right; null while nobody has said.';
comment on column bi.review_cases.verdict_id is 'Key of that verdict.';
comment on column bi.review_cases.said_by is 'Who said it.';
comment on column bi.review_cases.said_at is 'When.';
comment on column bi.review_cases.hidden is 'Whether it names or shows somebody who was hidden from review.';
comment on column bi.review_cases.uncalibrated is 'The confidence that the scan gave it.';
comment on column bi.review_cases.dataset is 'The datasets of the scan.';
comment on column bi.review_cases.is_latest is 'Whether it is the newest finished scan of its datasets under its contract.';
