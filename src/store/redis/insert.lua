-- Adds a client together with what that costs. Whatever refuses it comes first, so a refusal changes nothing.
-- After the first keys come those that count once, then the clients that may make room, of which the first one goes that
-- is still as the caller saw it. Two arguments belong to each of these keys. The rows in the index come last and as ZADD
-- takes them.
local client, index, tokens = KEYS[1], KEYS[2], KEYS[3]
local value, now, most, digest, nonces, unique = unpack(ARGV, 1, 6)
local last_nonce = 3 + nonces
local function argument_of(key) return 2 * key - 1 end

if redis.call('EXISTS', client) == 1 then return 'exists' end
local uses = ''
if digest ~= '' then
  local token = redis.call('HMGET', tokens, digest .. ':uses', digest .. ':ends')
  uses = token[1]
  if not uses or uses == '0' or (token[2] ~= '' and token[2] <= now) then return 'refused' end
end
for key = 4, last_nonce do
  if is_known(KEYS[key], now) then return 'replayed' end
end
if is_taken(index, unique, '') then return 'taken' end
local gone = nil
if most ~= '' and redis.call('ZLEXCOUNT', index, '[c', '(d') >= tonumber(most) then
  for key = last_nonce + 1, #KEYS do
    local last_use, rows, revision = line_of(redis.call('GET', KEYS[key]))
    if revision == ARGV[argument_of(key)] and last_use == ARGV[argument_of(key) + 1] then
      redis.call('DEL', KEYS[key])
      remove_rows(index, rows_of(last_use, rows))
      gone = key - last_nonce
      break
    end
  end
  if not gone then return 'full' end
end

if uses ~= '' then redis.call('HINCRBY', tokens, digest .. ':uses', -1) end
for key = 4, last_nonce do remember(KEYS[key], argument_of(key)) end
redis.call('SET', client, value)
redis.call('ZADD', index, unpack(ARGV, argument_of(#KEYS + 1)))
return gone and tostring(gone) or 'inserted'
