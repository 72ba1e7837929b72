-- Replaces the revision before. A use that was recorded since the client was read stays.
local client, index = KEYS[1], KEYS[2]
local record, revision, used, rows, place, before = unpack(ARGV)

local stored = redis.call('HMGET', client, 'revision', 'used', 'rows', 'place')
if stored[1] ~= before then return 0 end
if stored[2] > used then used = stored[2] end

redis.call('HSET', client, 'record', record, 'revision', revision, 'used', used, 'rows', rows, 'place', place)
if stored[2] ~= used or stored[3] ~= rows or stored[4] ~= place then
  remove_rows(index, rows_of(stored[3], stored[2], stored[4]))
  add_rows(index, rows_of(rows, used, place))
end
return 1
