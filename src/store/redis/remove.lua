-- Removes clients, each only if it is still as the caller saw it, and gives a use of a token back for each.
-- After the clients come the client that is restored with them, if there is one, and the keys that are forgotten.
-- Answers per client: 0 it is not there, 1 it was removed, 2 it changed meanwhile.
local index, tokens, refunds = KEYS[1], KEYS[2], ARGV[1] .. ':uses'
local clients, restored = tonumber(ARGV[2]), tonumber(ARGV[3])
local answers = {}
for number = 1, clients do
  local client, revision, used = KEYS[number + 2], ARGV[2 * number + 2], ARGV[2 * number + 3]
  local used_now, rows, revision_now = line_of(redis.call('GET', client))
  if not used_now then
    answers[number] = 0
  elseif (revision ~= '*' and revision ~= revision_now) or (used ~= '*' and used ~= used_now) then
    answers[number] = 2
  else
    answers[number] = 1
    redis.call('DEL', client)
    remove_rows(index, rows_of(used_now, rows))
    local uses = tonumber(redis.call('HGET', tokens, refunds) or nil)
    if uses and uses < 4294967295 then redis.call('HINCRBY', tokens, refunds, 1) end
    if restored == 1 and redis.call('SET', KEYS[clients + 3], ARGV[2 * clients + 4], 'NX') then
      redis.call('ZADD', index, unpack(ARGV, 2 * clients + 5))
    end
    for key = clients + restored + 3, #KEYS do redis.call('DEL', KEYS[key]) end
  end
end
return answers
