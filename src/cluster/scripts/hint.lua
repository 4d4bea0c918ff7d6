-- Leaves hints for the holder of the lease. What is there already is not left twice.
-- KEYS: hints
-- ARGV: the most hints there may be, milliseconds that they last, channel, message, hints
-- Returns how many were new.
local room = ARGV[1] - redis.call('SCARD', KEYS[1])
local new = 0
for i = 5, #ARGV do
  if new >= room then
    break
  end
  new = new + redis.call('SADD', KEYS[1], ARGV[i])
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PUBLISH', ARGV[3], ARGV[4])
return new
