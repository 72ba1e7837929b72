-- Inserts a client under conditions. All conditions are checked before anything is changed, because Redis does not undo
-- the commands of a script that ends early. The eviction is the last of them, and changes something only if it succeeds.
-- After the first keys come the nonces, then the candidates for an eviction, of which the first one is evicted that is
-- unchanged since the caller read it. Two arguments belong to each of these keys. The rows in the index come last, as
-- ZADD takes them.
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
  if is_claimed(KEYS[key], now) then return 'replayed' end
end
-- A new client has no position in the index, so any row of the fingerprint is that of another client.
if is_taken(index, unique, '') then return 'taken' end
-- The count is the number of rows that every client has one of, so no counter can differ from the clients.
local evicted = nil
if most ~= '' and redis.call('ZLEXCOUNT', index, '[c', '(d') >= tonumber(most) then
  for key = last_nonce + 1, #KEYS do
    local last_use, rows, revision = line_of(redis.call('GET', KEYS[key]))
    if revision == ARGV[argument_of(key)] and last_use == ARGV[argument_of(key) + 1] then
      redis.call('DEL', KEYS[key])
      remove_rows(index, rows_of(last_use, rows))
      evicted = key - last_nonce
      break
    end
  end
  if not evicted then return 'full' end
end

-- All conditions hold. From here on the script only writes.
if uses ~= '' then redis.call('HINCRBY', tokens, digest .. ':uses', -1) end
for key = 4, last_nonce do claim(KEYS[key], argument_of(key)) end
redis.call('SET', client, value)
redis.call('ZADD', index, unpack(ARGV, argument_of(#KEYS + 1)))
return evicted and tostring(evicted) or 'inserted'
