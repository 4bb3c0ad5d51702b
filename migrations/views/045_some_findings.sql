-- What bi.findings says of a few findings, by plan and not by luck: that view resolves everything that was ever said, which 10,000
-- verdicts make slow for one row. Here only what can concern those findings is resolved.

create function facedb.called_same(identities bigint[]) returns setof bigint
language sql stable rows 20 set search_path = pg_catalog, pg_temp as $$
with recursive near (id) as (
    select i from unnest(identities) i
    union
    select k.id from near n cross join lateral (
        select v.identity_b as id from facedb.verdict v where v.kind = 'link' and v.verdict = 'same' and v.identity_a = n.id
        union all
        select v.identity_a from facedb.verdict v where v.kind = 'link' and v.verdict = 'same' and v.identity_b = n.id
    ) k
)
select id from near
$$;
comment on function facedb.called_same(bigint[]) is 'Identities, and whoever was ever called the same as one of them, over any number of steps.';

create function facedb.verdicts_about(scan integer, ranks integer[]) returns setof bi.verdicts
language sql stable rows 20 set search_path = pg_catalog, pg_temp as $$
with person (id) as (
    select f.identity_a from facedb.finding f where f.scan_id = scan and f.rank = any(ranks) and f.identity_a is not null
    union
    select f.identity_b from facedb.finding f where f.scan_id = scan and f.rank = any(ranks) and f.identity_b is not null
),
near (id) as materialized (
    select c from facedb.called_same(array(select id from person)) c
),
-- Their photos, and those of which it was said under their label that they belong elsewhere; found again by their bytes.
photo as materialized (
    select i.id, i.sha256 from facedb.finding_face w join facedb.face c on c.id = w.face_id join facedb.image i on i.id = c.image_id
    where w.scan_id = scan and w.rank = any(ranks)
    union
    select v.image_a, v.sha256_a from facedb.verdict v join person p on p.id = v.identity_a where v.kind = 'face'
),
said (id) as materialized (
    select k.id from near n cross join lateral (
        select v.id from facedb.verdict v where v.kind = 'link' and v.identity_a = n.id
        union all
        select v.id from facedb.verdict v where v.kind = 'link' and v.identity_b = n.id
    ) k
    union
    select k.id from photo p cross join lateral (
        select v.id from facedb.verdict v where v.image_a = p.id
        union all
        select v.id from facedb.verdict v where v.image_b = p.id
        union all
        select v.id from facedb.verdict v where v.sha256_a = p.sha256
        union all
        select v.id from facedb.verdict v where v.sha256_b = p.sha256
    ) k
)
select n.* from (
    select distinct on (h.subject) h.*
    -- (`offset 0`: one verdict is looked up at a time, and not all of them joined.)
    from said s cross join lateral (select o.* from bi.verdict_history o where o.verdict_id = s.id offset 0) h
    order by h.subject, h.verdict_id desc
) n
where n.verdict <> 'withdrawn'
$$;
comment on function facedb.verdicts_about(integer, integer[]) is 'The rows of bi.verdicts that can concern some findings of a scan, and maybe a few more.';

-- The same text as that of bi.findings, over those verdicts alone, and asking of those findings alone whether they are hidden.
do $$
declare
    path text := current_setting('search_path');
    whole text;
    said text;
    few text;
begin
    -- What is on the path of whoever upgrades would be written without its schema.
    perform set_config('search_path', 'pg_catalog', true);
    whole := rtrim(pg_get_viewdef('bi.findings'::regclass), ';');
    perform set_config('search_path', path, true);
    said := replace(whole, 'FROM bi.verdicts', 'FROM facedb.verdicts_about($1, $2) verdicts');
    few := replace(said, 'FROM bi.hidden_findings h', 'FROM (SELECT * FROM bi.hidden_findings WHERE scan_id = $1 AND rank = ANY ($2)) h');
    if said = whole or few = said then
        raise exception 'bi.findings does not read bi.verdicts or bi.hidden_findings any more';
    end if;
    execute format(
        'create function facedb.findings_of(scan integer, ranks integer[]) returns setof bi.findings'
        ' language sql stable rows 100 set search_path = pg_catalog, pg_temp as %L',
        format('select f.* from (%s) f where f.scan_id = $1 and f.rank = any($2)', few)
    );
end
$$;
comment on function facedb.findings_of(integer, integer[]) is 'Some rows of bi.findings: those of a scan with these ranks.';
