-- Gives the lease to the replica that asks, if nobody holds it and nobody who knows a newer version should go first.
-- KEYS: lease, token, head, seen, life
-- ARGV: replica, its highest token, its highest version, milliseconds of the lease, of a word about a version,
--       of the wait for words after a start of the server, of the wait for whoever knows a newer version
-- Returns {1, token, newest version} or {0, holder or ''}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local replica, known_token, known = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

-- Who asks says what it holds.
redis.call('HSET', KEYS[4], replica, string.format('%.0f:%.0f', known, now + ARGV[5]))
redis.call('PEXPIRE', KEYS[4], ARGV[5])

-- A server that was started, promoted or wiped may have forgotten versions: all replicas get time to say theirs.
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local life = redis.call('HMGET', KEYS[5], 'run', 'since')
local since = tonumber(life[2])
if life[1] ~= run or not since or since > now then
  since = now
  redis.call('HSET', KEYS[5], 'run', run, 'since', string.format('%.0f', now))
  redis.call('PEXPIRE', KEYS[5], 2592000000)
end

-- A holder whose answer was lost asks again, and gets a new token.
local holder = redis.call('GET', KEYS[1])
if holder and string.sub(holder, -#replica - 1) ~= ':' .. replica then
  return {0, holder}
end

local newest = known
local seen = redis.call('HGETALL', KEYS[4])
for i = 1, #seen, 2 do
  local version, ends = string.match(seen[i + 1], '^(%d+):(%d+)$')
  if not ends or tonumber(ends) < now then
    redis.call('HDEL', KEYS[4], seen[i])
  elseif tonumber(version) > newest then
    newest = tonumber(version)
  end
end
local stored = tonumber(redis.call('HGET', KEYS[3], 'version')) or 0
local waited = now - since
if waited < tonumber(ARGV[6]) then
  return {0, ''}
end
if math.max(stored, known) < newest and waited < ARGV[6] + ARGV[7] then
  return {0, ''}
end

-- Higher than all before it, those that this server has forgotten included.
local last = tonumber(redis.call('GET', KEYS[2])) or 0
local token = math.max(last, known_token, now) + 1
-- Its time is higher than a token that was forgotten for a month.
redis.call('SET', KEYS[2], string.format('%.0f', token), 'PX', 2592000000)
redis.call('SET', KEYS[1], string.format('%.0f:%s', token, replica), 'PX', ARGV[4])
return {1, token, math.max(stored, newest)}
