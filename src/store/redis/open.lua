-- Opens a room for a node. KEYS: state, log, nodes. ARGV: node, server, epoch, rev and head of the replica that the
-- node holds ('-' for none), then field, value, … of the room to make, the epoch first; without them nothing is made.
--
-- The server is part of a room's epoch: another one may have been promoted, or this one restarted, without the last
-- commits, and then go on differently. So on another server than before a room begins a new epoch: with the node's
-- replica if that holds at least as much as is stored, with what is stored otherwise.
local s = redis.call('HMGET', KEYS[1], 'epoch', 'rev', 'head', 'server')
local moved = s[1] and s[4] ~= ARGV[2]
local behind = s[1] and s[1] == ARGV[3] and tonumber(s[2]) < tonumber(ARGV[4])
if not s[1] or moved or behind then
  if #ARGV < 7 then
    return {'none'}
  end
  redis.call('DEL', KEYS[2])
  redis.call('SADD', KEYS[3], ARGV[1])
  if moved and not behind and not (s[1] == ARGV[3] and s[3] == ARGV[5]) then
    redis.call('HSET', KEYS[1], 'epoch', ARGV[7], 'rev', '0', 'head', '-', 'server', ARGV[2])
  else
    redis.call('DEL', KEYS[1])
    -- The epoch comes last: a room without one does not count.
    redis.call('HSET', KEYS[1], 'server', ARGV[2])
    for from = #ARGV - 1, 6, -1000 do
      local first = math.max(6, from - 998)
      redis.call('HSET', KEYS[1], unpack(ARGV, first, from + 1))
    end
    return {'made'}
  end
else
  redis.call('SADD', KEYS[3], ARGV[1])
  if s[1] == ARGV[3] and s[2] == ARGV[4] and s[3] == ARGV[5] then
    return {'same'}
  end
end
local reply = redis.call('HGETALL', KEYS[1])
table.insert(reply, 1, 'room')
return reply
