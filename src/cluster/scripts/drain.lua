-- Takes hints out, for the holder of the lease.
-- KEYS: lease, hints
-- ARGV: holder, how many at the most
-- Returns {1, hints}, or {0} if another one holds the lease.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {0, {}}
end
return {1, redis.call('SPOP', KEYS[2], ARGV[2])}
