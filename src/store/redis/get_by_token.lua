-- Returns the client, if this is the digest of one of its registration access tokens. An attacker may send any token, so
-- no more than the line is read before that is known: the time must not depend on the size of the record.
-- A line that an earlier version wrote has no digests; then the caller compares.
local line = string.match(redis.call('GETRANGE', KEYS[1], 0, 4095), '^[^\n]*')
local tokens = string.match(line, '^%x+ .- %d+ (.+)$')
if not tokens then return line ~= '' and redis.call('GET', KEYS[1]) end
local found = false
for token in string.gmatch(tokens, '%S+') do found = found or token == ARGV[1] end
return found and redis.call('GET', KEYS[1])
