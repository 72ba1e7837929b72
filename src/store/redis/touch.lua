-- Records a use unless a later one is known.
local client, index, at = KEYS[1], KEYS[2], ARGV[1]

local stored = redis.call('HMGET', client, 'used', 'place')
if not stored[1] then return 0 end
if at > stored[1] then
  redis.call('HSET', client, 'used', at)
  remove_rows(index, rows_of('', stored[1], stored[2]))
  add_rows(index, rows_of('', at, stored[2]))
end
return 1
