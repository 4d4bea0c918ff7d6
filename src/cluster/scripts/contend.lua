-- Gives the lease to the replica that asks, if nobody holds it and nobody who knows a newer version should go first.
-- It stands behind words.lua.
-- KEYS: lease, token, head, seen, life
-- ARGV: replica, its highest token, its highest version, milliseconds of the lease, of a word about a version,
--       of the wait for words after a start of the server, of the wait for whoever knows a newer version
-- Returns {1, token, newest version} or {0, holder or ''}.
local now = milliseconds()
local replica, known_token, known = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

-- Who asks says what it holds. After a start of the server all replicas get time to say theirs.
local newest = say(KEYS[4], replica, known, ARGV[5], now)
local since = alive_since(KEYS[5], now)

-- A holder whose answer was lost asks again, and gets a new token.
local holder = redis.call('GET', KEYS[1])
if holder and string.sub(holder, -#replica - 1) ~= ':' .. replica then
  return {0, holder}
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
