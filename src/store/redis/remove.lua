-- Removes clients, each only if it is still as the caller saw it, and gives a use of a token back for each.
-- Answers per client: 0 it is not there, 1 it was removed, 2 it changed meanwhile.
local index, tokens, refunds = KEYS[1], KEYS[2], ARGV[1] .. ':uses'
local answers = {}
for number = 1, #KEYS - 2 do
  local client, revision, used = KEYS[number + 2], ARGV[2 * number], ARGV[2 * number + 1]
  local stored = redis.call('HMGET', client, 'revision', 'used', 'rows', 'place')
  if not stored[1] then
    answers[number] = 0
  elseif (revision ~= '*' and revision ~= stored[1]) or (used ~= '*' and used ~= stored[2]) then
    answers[number] = 2
  else
    answers[number] = 1
    redis.call('DEL', client)
    remove_rows(index, rows_of(stored[3], stored[2], stored[4]))
    local uses = tonumber(redis.call('HGET', tokens, refunds) or nil)
    if uses and uses < 4294967295 then redis.call('HINCRBY', tokens, refunds, 1) end
  end
end
return answers
