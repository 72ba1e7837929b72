-- The client, if this is the digest of one of its registration access tokens. No more than its line is read before that
-- is known. A line that an older version wrote has no digests; then the caller compares.
local line = string.match(redis.call('GETRANGE', KEYS[1], 0, 4095), '^[^\n]*')
local tokens = string.match(line, '^%x+ .- %d+ (.+)$')
if not tokens then return line ~= '' and redis.call('GET', KEYS[1]) end
local found = false
for token in string.gmatch(tokens, '%S+') do found = found or token == ARGV[1] end
return found and redis.call('GET', KEYS[1])
