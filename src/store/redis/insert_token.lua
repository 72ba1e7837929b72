-- Adds an initial access token. The name of the one that it replaces is forgotten.
local tokens = KEYS[1]
local digest, id, record, uses, ends = unpack(ARGV)

local replaced = redis.call('HGET', tokens, digest .. ':id')
if replaced then redis.call('HDEL', tokens, 'id:' .. replaced) end
redis.call('HSET', tokens, 'id:' .. id, digest, digest .. ':id', id, digest .. ':record', record,
  digest .. ':uses', uses, digest .. ':ends', ends)
return 1
