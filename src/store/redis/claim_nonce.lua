-- Remembers a key unless it is known.
local key, now = KEYS[1], ARGV[1]

if is_known(key, now) then return 0 end
remember(key, 2)
return 1
