-- Gives the lease up, for its holder.
-- KEYS: lease
-- ARGV: holder, channel, message
-- Returns 1, or 0 if another one holds it or nobody does.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1
