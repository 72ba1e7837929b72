-- Adds a client together with what that costs. Whatever refuses it comes first, so a refusal changes nothing.
-- After the first keys come those that count once, then the clients that may make room, of which the first one goes that
-- is idle by the two times. The rows in the index come last and as ZADD takes them.
local client, index, tokens = KEYS[1], KEYS[2], KEYS[3]
local value, now, most, digest, unused_since, idle_since, once = unpack(ARGV, 1, 7)
local last_once = 3 + once

if redis.call('EXISTS', client) == 1 then return { 'exists' } end
local uses = ''
if digest ~= '' then
  local token = redis.call('HMGET', tokens, digest .. ':uses', digest .. ':ends')
  uses = token[1]
  if not uses or uses == '0' or (token[2] ~= '' and token[2] <= now) then return { 'refused' } end
end
for number = 4, last_once do
  if is_known(KEYS[number], now) then return { 'replayed' } end
end
local gone, goes = nil, nil
if most ~= '' and redis.call('ZLEXCOUNT', index, '[c', '(d') >= tonumber(most) then
  for number = last_once + 1, #KEYS do
    goes = redis.call('GET', KEYS[number])
    local last_use, rows = line_of(goes)
    if rows and is_idle(last_use, rows, unused_since, idle_since) then
      gone = KEYS[number]
      break
    end
  end
  if not gone then return { 'full' } end
end

if gone then
  redis.call('DEL', gone)
  remove_rows(index, rows_of(line_of(goes)))
end
if uses ~= '' then redis.call('HINCRBY', tokens, digest .. ':uses', -1) end
for number = 4, last_once do remember(KEYS[number], 2 * number) end
redis.call('SET', client, value)
redis.call('ZADD', index, unpack(ARGV, 8 + 2 * once))
return gone and { 'in place of', goes } or { 'inserted' }
