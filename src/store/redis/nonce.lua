-- Keys that count once. The value of each is when it ends by the caller's clock; the lifetime is longer and only cleans
-- up. Before a key come its two arguments: that time and the lifetime in milliseconds.
local function is_known(key, now)
  local ends = redis.call('GET', key)
  return ends and ends > now
end

local function remember(key, argument)
  redis.call('SET', key, ARGV[argument], 'PX', ARGV[argument + 1])
end

