-- Lets a lease last longer, for its holder.
-- KEYS: lease
-- ARGV: holder, milliseconds of the lease
-- Returns 1, or 0 if another one holds it or nobody does.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
