-- Says which version a replica holds.
-- KEYS: seen, life
-- ARGV: replica, version, milliseconds that its word lasts
-- Returns the newest version that a live replica holds.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local newest = tonumber(ARGV[2])
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
if redis.call('HGET', KEYS[2], 'run') ~= run then
  redis.call('HSET', KEYS[2], 'run', run, 'since', string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[2], 2592000000)
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f:%.0f', newest, now + ARGV[3]))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local seen = redis.call('HGETALL', KEYS[1])
for i = 1, #seen, 2 do
  local version, ends = string.match(seen[i + 1], '^(%d+):(%d+)$')
  if not ends or tonumber(ends) < now then
    redis.call('HDEL', KEYS[1], seen[i])
  elseif tonumber(version) > newest then
    newest = tonumber(version)
  end
end
return newest
