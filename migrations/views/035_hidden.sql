-- Findings that nobody shall be asked about: they name somebody who was hidden from review, or show a photo that lies under that label, as
-- the third copy of a duplicate does. (`offset 0`: from those who are hidden, who are few, and not from all findings.)
create view bi.hidden_findings as
select k.scan_id, k.rank
from facedb.hidden_identity h cross join lateral (
    select f.scan_id, f.rank from facedb.finding f where f.identity_a = h.identity_id
    union all
    select f.scan_id, f.rank from facedb.finding f where f.identity_b = h.identity_id
    union all
    select w.scan_id, w.rank
    from facedb.image i join facedb.face c on c.image_id = i.id join facedb.finding_face w on w.face_id = c.id
    where i.identity_id = h.identity_id
    offset 0
) k
group by k.scan_id, k.rank;
comment on view bi.hidden_findings is 'The findings that name or show somebody who was hidden from review.';
comment on column bi.hidden_findings.scan_id is 'Key of the scan.';
comment on column bi.hidden_findings.rank is 'Rank of the finding.';
