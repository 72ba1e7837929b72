-- Replaces the revision before, under conditions, all of which are checked first. A use that was recorded since the
-- client was read stays. Rows are rewritten only if they differ.
-- After the first keys come the nonces that are claimed, then those that are released.
local client, index = KEYS[1], KEYS[2]
local value, before, now, nonces, unique, place = unpack(ARGV, 1, 6)
local last_nonce = 2 + nonces

local used, rows, revision = line_of(redis.call('GET', client))
if revision ~= before then return 'changed' end
if is_taken(index, unique, place) then return 'taken' end
for number = 3, last_nonce do
  if is_claimed(KEYS[number], now) then return 'replayed' end
end

-- The value has the last use that the caller read. A later one is put back below, where the lines differ.
redis.call('SET', client, value)
local used_now, rows_now = line_of(value)
if used ~= used_now or rows ~= rows_now then
  remove_rows(index, rows_of(used, rows))
  add_rows(index, rows_of(used_now, rows_now))
  touch(client, index, used)
end
for number = 3, last_nonce do claim(KEYS[number], 2 * number + 1) end
for number = last_nonce + 1, #KEYS do redis.call('DEL', KEYS[number]) end
return 'updated'
