-- What replicas say of the versions they hold. It stands before the scripts in which one says it.

-- The milliseconds since 1970 by the server's clock.
local function milliseconds()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Since when this life of the server is known of: one that was started, promoted or wiped may have forgotten versions.
local function alive_since(life, now)
  local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
  local known = redis.call('HMGET', life, 'run', 'since')
  local since = tonumber(known[2])
  if known[1] ~= run or not since or since > now then
    since = now
    redis.call('HSET', life, 'run', run, 'since', string.format('%.0f', now))
    redis.call('PEXPIRE', life, 2592000000)
  end
  return since
end

-- Notes which version a replica holds, forgets what dead ones said, and returns the newest that a live one holds.
local function say(seen, replica, version, lasts, now)
  redis.call('HSET', seen, replica, string.format('%.0f:%.0f', version, now + lasts))
  redis.call('PEXPIRE', seen, lasts)
  local newest, words = version, redis.call('HGETALL', seen)
  for i = 1, #words, 2 do
    local held, ends = string.match(words[i + 1], '^(%d+):(%d+)$')
    if not ends or tonumber(ends) < now then
      redis.call('HDEL', seen, words[i])
    elseif tonumber(held) > newest then
      newest = tonumber(held)
    end
  end
  return newest
end

