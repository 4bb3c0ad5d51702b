-- name: columns
-- The columns of a view in their order, with their types and what they mean.
select a.attname, format_type(a.atttypid, a.atttypmod), col_description(a.attrelid, a.attnum), obj_description(a.attrelid, 'pg_class')
from pg_attribute a where a.attrelid = to_regclass('bi.' || quote_ident(%(view)s)) and a.attnum > 0 and not a.attisdropped
order by a.attnum;
