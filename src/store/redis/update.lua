-- Replaces the revision before. A use that was recorded since the client was read stays.
local client, index = KEYS[1], KEYS[2]
local value, before = ARGV[1], ARGV[2]

local used, rows, revision = line_of(redis.call('GET', client))
if revision ~= before then return 0 end

redis.call('SET', client, value)
local used_now, rows_now = line_of(value)
if used ~= used_now or rows ~= rows_now then
  remove_rows(index, rows_of(used, rows))
  add_rows(index, rows_of(used_now, rows_now))
  touch(client, index, used)
end
return 1
