-- name: claim
-- Take a lock for this session alone; false when another session has it.
select pg_try_advisory_lock(hashtextextended(%(name)s, 0));

-- name: claim_shared
-- Take a lock that others may share; false when another session has it alone.
select pg_try_advisory_lock_shared(hashtextextended(%(name)s, 0));
