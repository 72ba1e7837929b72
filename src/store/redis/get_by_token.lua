-- The client, if this is the digest of one of its registration access tokens. No more than its line is read before that
-- is known. A line that an older version wrote has no digests; then the caller compares.
local line = string.match(redis.call('GETRANGE', KEYS[1], 0, 1023), '^[^\n]*')
local current, previous = string.match(line, '^%x+ .- %d+ (%S+) (%S+)$')
local older = not current and line ~= ''
if older or ARGV[1] == current or ARGV[1] == previous then return redis.call('GET', KEYS[1]) end
return false
