-- Makes a version the newest, for the holder of the lease, if all its chunks are there.
-- KEYS: lease, head, a key for each chunk
-- ARGV: holder, token, version, body, milliseconds to keep what the newest version needs, milliseconds to keep what it
--       needs no more, the names of the chunks in one text, what all keys of chunks begin with, channel, message
-- Returns {'stored'}, {'refused'}, {'behind', version} or {'lacks', places of chunks}.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return {'refused'}
end
local token, version, body = ARGV[2], ARGV[3], ARGV[4]
local head = redis.call('HMGET', KEYS[2], 'token', 'version', 'body', 'chunks')
if head[2] and tonumber(head[2]) >= tonumber(version) then
  -- The same again: the answer was lost.
  if head[1] == token and head[2] == version and head[3] == body then
    return {'stored'}
  end
  return {'behind', head[2]}
end

-- All of a piece at once; only where one is lacking it is looked which.
local answer = {'lacks'}
for first = 3, #KEYS, 500 do
  local last = math.min(first + 499, #KEYS)
  if redis.call('EXISTS', unpack(KEYS, first, last)) < last - first + 1 then
    for i = first, last do
      if redis.call('EXISTS', KEYS[i]) == 0 then
        answer[#answer + 1] = i - 3
      end
    end
  end
end
if #answer > 1 then
  return answer
end

local needed = {}
for i = 3, #KEYS do
  needed[KEYS[i]] = true
  redis.call('PEXPIRE', KEYS[i], ARGV[5])
end
-- Who reads the version before this one has some time to finish.
for name in string.gmatch(head[4] or '', '%x+') do
  local key = ARGV[8] .. name
  if not needed[key] then
    redis.call('PEXPIRE', key, ARGV[6])
  end
end
redis.call('HSET', KEYS[2], 'token', token, 'version', version, 'body', body, 'chunks', ARGV[7])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
redis.call('PUBLISH', ARGV[9], ARGV[10])
return {'stored'}
