-- Functions for nonces. The value of a nonce is its time of expiry, which is compared with the time of the caller. The
-- lifetime in Redis is longer and only cleans up, since the clock of Redis may differ from that of the caller.
-- A nonce has two arguments: the time of expiry and the lifetime in milliseconds.
local function is_claimed(key, now)
  local ends = redis.call('GET', key)
  -- Times are text of one length, so they compare as text.
  return ends and ends > now
end

-- Replaces an expired nonce too, which Redis has not deleted yet.
local function claim(key, argument)
  redis.call('SET', key, ARGV[argument], 'PX', ARGV[argument + 1])
end

