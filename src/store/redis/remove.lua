-- Removes clients, each only if it is unchanged since the caller read it, and refunds a use of a token for each.
-- After the clients come the evicted client that is restored, if there is one, and the nonces that are released. These
-- follow only if a client was removed, so an insertion is undone once.
-- Answers for each client: 0 it is not there, 1 it was removed, 2 it was changed.
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
    -- A token that was removed or has no limit of uses gets nothing back. The bound is the largest number of uses.
    local uses = tonumber(redis.call('HGET', tokens, refunds) or nil)
    if uses and uses < 4294967295 then redis.call('HINCRBY', tokens, refunds, 1) end
    -- NX: if its identifier was registered again meanwhile, that client stays.
    if restored == 1 and redis.call('SET', KEYS[clients + 3], ARGV[2 * clients + 4], 'NX') then
      redis.call('ZADD', index, unpack(ARGV, 2 * clients + 5))
    end
    for key = clients + restored + 3, #KEYS do redis.call('DEL', KEYS[key]) end
  end
end
return answers
