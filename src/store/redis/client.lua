-- Functions for the value of a client, which is a line and a record. The line has, separated by spaces:
--   the last use, 16 hexadecimal digits, zeros if there is none;
--   the rows of the client in the index;
--   the revision;
--   the digests of its registration access tokens, '-' for none.
-- The first row says what the client is: 'cd' disabled, 'cn' never used, 'cu' used, followed by its position. A used
-- client has one more row, 'u' with its last use and position. It is not in the line, because it changes with each use.
-- Rows that begin with 'n' are in the line, but in the index only until the client is used.
-- The rows that are removed are always taken from the line, so a client is removed with the rows it was added with, also
-- after a newer version of the program has begun to write other rows.

-- The last use, the rows and the revision; nil if there is no client.
local function line_of(value) return string.match(value or '', '^(%x+) (.-) (%d+)[ \n]') end

local function rows_of(used, rows)
  local all = {}
  for row in string.gmatch(rows, '%S+') do all[#all + 1] = row end
  if string.sub(rows, 1, 2) == 'cu' then all[#all + 1] = 'u' .. used .. string.sub(all[1], 3) end
  return all
end

local function add_rows(index, rows)
  local arguments = {}
  for _, row in ipairs(rows) do
    arguments[#arguments + 1] = 0
    arguments[#arguments + 1] = row
  end
  redis.call('ZADD', index, unpack(arguments))
end

local function remove_rows(index, rows) redis.call('ZREM', index, unpack(rows)) end

local function remove_unused_rows(index, value)
  local _, rows = line_of(value)
  for row in string.gmatch(rows, ' (n%S+)') do redis.call('ZREM', index, row) end
end

-- Whether a client at another position than this one has a fingerprint. 'unique' is what its rows begin with, or ''. Two
-- rows are enough: at most one of them is the client itself.
local function is_taken(index, unique, place)
  if unique == '' then return false end
  for _, row in ipairs(redis.call('ZRANGEBYLEX', index, '[' .. unique, '(' .. unique .. '~', 'LIMIT', 0, 2)) do
    if row ~= unique .. place then return true end
  end
  return false
end

-- Records a use unless a later one is recorded; false if there is no client. SETRANGE changes the first bytes in place, so
-- a busy client is not rewritten. Times are text of one length, so they compare as text.
local function touch(client, index, at)
  local value = redis.call('GET', client)
  local used, kind, place = string.match(value or '', '^(%x+) (c%l)(%S+)')
  if not used then return false end
  if at <= used then return true end
  if kind == 'cd' then
    redis.call('SETRANGE', client, 0, at)
  else
    redis.call('SETRANGE', client, 0, at .. ' cu')
    redis.call('ZREM', index, kind == 'cn' and 'cn' .. place or 'u' .. used .. place)
    redis.call('ZADD', index, 0, 'cu' .. place, 0, 'u' .. at .. place)
    if kind == 'cn' then remove_unused_rows(index, value) end
  end
  return true
end

