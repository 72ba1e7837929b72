-- Claims a nonce unless it is claimed. The time of the first claim stays.
local key, now = KEYS[1], ARGV[1]

if is_claimed(key, now) then return 0 end
claim(key, 2)
return 1
