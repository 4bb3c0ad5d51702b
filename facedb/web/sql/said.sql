-- name: history
-- Everything that was said of two identities as a link, or of images, newest first; hidden people are not named.
select v.id, v.kind, v.verdict, t.name, v.note, v.said_by, v.said_at
from facedb.verdict v
left join facedb.identity t on t.id = v.target_identity
     and not exists (select from facedb.hidden_identity h where h.identity_id = t.id)
where (v.kind = 'link' and v.identity_a = %(low)s and v.identity_b = %(high)s)
   or (v.kind <> 'link' and (v.image_a = any(%(images)s) or v.image_b = any(%(images)s)))
order by v.id desc limit %(limit)s;
