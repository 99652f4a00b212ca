-- Opens a room for a node. KEYS: state, log, nodes. ARGV: node, epoch, rev and head that the node holds ('' for
-- none), then field, value, … of the room to make if there is none; without them a missing room stays missing.
local s = redis.call('HMGET', KEYS[1], 'epoch', 'rev', 'head')
if not s[1] then
  if #ARGV < 5 then
    return {'none'}
  end
  redis.call('DEL', KEYS[1], KEYS[2])
  redis.call('SADD', KEYS[3], ARGV[1])
  -- The epoch comes last: a room without one does not count.
  for from = #ARGV - 1, 5, -1000 do
    local first = math.max(5, from - 998)
    redis.call('HSET', KEYS[1], unpack(ARGV, first, from + 1))
  end
  return {'made'}
end
redis.call('SADD', KEYS[3], ARGV[1])
if s[1] == ARGV[2] and s[2] == ARGV[3] and s[3] == ARGV[4] then
  return {'same'}
end
local reply = redis.call('HGETALL', KEYS[1])
table.insert(reply, 1, 'room')
return reply
