-- Remembers a key until a time of the caller's clock. The lifetime is longer than that and only cleans up.
local key, ends, now, lifetime = KEYS[1], ARGV[1], ARGV[2], ARGV[3]

local known = redis.call('GET', key)
if known and known > now then return 0 end
redis.call('SET', key, ends, 'PX', lifetime)
return 1
