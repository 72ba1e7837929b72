-- Removes the initial access token of this identifier, with all of its fields.
local tokens, name = KEYS[1], 'id:' .. ARGV[1]

local digest = redis.call('HGET', tokens, name)
-- One answer of 1 for concurrent callers: the first one removes the field.
if not digest then return 0 end
redis.call('HDEL', tokens, name, digest .. ':id', digest .. ':record', digest .. ':uses', digest .. ':ends')
return 1
