-- The rows of a client in the index. All have the score 0, so Redis keeps them in the order of their bytes.
-- The fixed rows come from outside, separated by spaces. The row of its last use moves with that use: 'n' while there
-- is none and 'u' with the time of it afterwards, followed by the client's place in the order of issue. A client
-- without a place is never idle and has no such row.
local function rows_of(fixed, used, place)
  local rows = {}
  for row in string.gmatch(fixed, '%S+') do rows[#rows + 1] = row end
  if place ~= '' then rows[#rows + 1] = (used == '' and 'n' or 'u' .. used) .. place end
  return rows
end

local function add_rows(index, rows)
  local arguments = {}
  for _, row in ipairs(rows) do
    arguments[#arguments + 1] = 0
    arguments[#arguments + 1] = row
  end
  if #arguments > 0 then redis.call('ZADD', index, unpack(arguments)) end
end

local function remove_rows(index, rows)
  if #rows > 0 then redis.call('ZREM', index, unpack(rows)) end
end

