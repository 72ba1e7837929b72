-- Inserts a client without conditions. NX makes the check of the identifier and the write one command. The rows in the
-- index come last, as ZADD takes them.
local client, index, value = KEYS[1], KEYS[2], ARGV[1]

if not redis.call('SET', client, value, 'NX') then return 0 end
redis.call('ZADD', index, unpack(ARGV, 2))
return 1
