-- Takes one request out of a bucket, for the holder of the lease: the arithmetic of gitlab::bucket, with the time of the
-- server, in microseconds.
-- KEYS: lease, bucket
-- ARGV: holder, interval, how far ahead of the steady rate requests may be, milliseconds to keep the bucket
-- Returns {0, how many more could be taken at once} if it is taken, {how long to wait} if not, {-1} if another one holds
-- the lease.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {-1}
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, ahead = tonumber(ARGV[2]), tonumber(ARGV[3])
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local bucket = redis.call('HMGET', KEYS[2], 'run', 'full_at', 'most')
local full_at = tonumber(bucket[2])
local most = math.max(tonumber(bucket[3]) or 0, ahead + interval)

-- A bucket that is missing, or of another life of the server, may have forgotten requests: it is empty. So is one
-- that is emptier than empty, because the server's clock was set back.
if bucket[1] ~= run or not full_at or full_at > now + most then
  full_at = now + most
end
local wait = full_at - ahead - now
if wait <= 0 then
  full_at = math.max(full_at, now) + interval
end
redis.call('HSET', KEYS[2], 'run', run, 'full_at', string.format('%.0f', math.ceil(full_at)),
  'most', string.format('%.0f', math.ceil(most)))
redis.call('PEXPIRE', KEYS[2], ARGV[4])
if wait > 0 then
  return {math.ceil(wait)}
end
return {0, string.format('%.3f', math.max(0, (ahead + interval - (full_at - now)) / interval))}
