-- Adds a client together with what that costs. Whatever refuses it comes first, so a refusal changes nothing. The rows
-- in the index come last and as ZADD takes them.
local client, index, tokens = KEYS[1], KEYS[2], KEYS[3]
local value, now, most, digest = unpack(ARGV, 1, 4)

if redis.call('EXISTS', client) == 1 then return 'exists' end
local uses = ''
if digest ~= '' then
  local token = redis.call('HMGET', tokens, digest .. ':uses', digest .. ':ends')
  uses = token[1]
  if not uses or uses == '0' or (token[2] ~= '' and token[2] <= now) then return 'refused' end
end
if most ~= '' and redis.call('ZLEXCOUNT', index, '[c', '(d') >= tonumber(most) then return 'full' end

if uses ~= '' then redis.call('HINCRBY', tokens, digest .. ':uses', -1) end
redis.call('SET', client, value)
redis.call('ZADD', index, unpack(ARGV, 5))
return 'inserted'
