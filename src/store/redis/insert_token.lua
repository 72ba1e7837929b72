-- Inserts an initial access token, or replaces the one with the same digest. All tokens of a tenant are fields of one
-- hash, with the uses in a field of their own, so that HINCRBY spends one without reading the record. A field from the
-- identifier to the digest lets a token be removed by its identifier; that of a replaced token is removed.
local tokens = KEYS[1]
local digest, id, record, uses, ends = unpack(ARGV)

local replaced = redis.call('HGET', tokens, digest .. ':id')
if replaced then redis.call('HDEL', tokens, 'id:' .. replaced) end
redis.call('HSET', tokens, 'id:' .. id, digest, digest .. ':id', id, digest .. ':record', record,
  digest .. ':uses', uses, digest .. ':ends', ends)
return 1
