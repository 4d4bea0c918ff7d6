-- Says which version a replica holds. It stands behind words.lua.
-- KEYS: seen, life
-- ARGV: replica, version, milliseconds that its word lasts
-- Returns the newest version that a live replica holds.
local now = milliseconds()
alive_since(KEYS[2], now)
return say(KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3], now)
