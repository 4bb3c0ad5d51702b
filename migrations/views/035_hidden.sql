-- Findings that nobody shall be asked about: they name somebody who was hidden from review, or show a photo that lies under that label, as
-- the third copy of a duplicate does.
create view bi.hidden_findings as
select f.scan_id, f.rank from facedb.hidden_identity h join facedb.finding f on f.identity_a = h.identity_id
union
select f.scan_id, f.rank from facedb.hidden_identity h join facedb.finding f on f.identity_b = h.identity_id
union
select w.scan_id, w.rank
from facedb.hidden_identity h join facedb.image i on i.identity_id = h.identity_id
join facedb.face c on c.image_id = i.id join facedb.finding_face w on w.face_id = c.id;
comment on view bi.hidden_findings is 'The findings that name or show somebody who was hidden from review.';
comment on column bi.hidden_findings.scan_id is 'Key of the scan.';
comment on column bi.hidden_findings.rank is 'Rank of the finding.';
