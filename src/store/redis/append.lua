-- Appends a commit at the head, or says what its author has missed.
-- KEYS: state, log, nodes. ARGV: epoch, parent, rev, id, log length, publish command, channel, commit,
-- number of values that follow, field, value, …, fields to remove.
local s = redis.call('HMGET', KEYS[1], 'epoch', 'rev', 'head')
if not s[1] then
  return {'none'}
end
local rev = tonumber(ARGV[3])
if s[1] ~= ARGV[1] or s[3] ~= ARGV[2] or tonumber(s[2]) ~= rev - 1 then
  local entry = redis.call('XRANGE', KEYS[2], ARGV[3] .. '-0', ARGV[3] .. '-0')[1]
  if s[1] == ARGV[1] and entry and entry[2][2] == ARGV[4] then
    return {'ok'}
  end
  return missed(s, ARGV[1], rev - 1, ARGV[2])
end

-- Everything that can be wrong is found out before the first write. A script that fails later keeps what it has
-- written, so what follows notes how things were, and puts them back.
local tail = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
if tail and tonumber(string.match(tail[1], '^%d+')) >= rev then
  return redis.error_reply('USHERLOG the log is ahead of the room')
end
local others = redis.call('SCARD', KEYS[3]) > 1
local values = tonumber(ARGV[9])
local set, touched = {'rev', ARGV[3], 'head', ARGV[4]}, {'rev', 'head'}
for i = 10, 9 + values do
  set[#set + 1] = ARGV[i]
  if i % 2 == 0 then
    touched[#touched + 1] = ARGV[i]
  end
end
local removed = {}
for i = 10 + values, #ARGV do
  removed[#removed + 1] = ARGV[i]
  touched[#touched + 1] = ARGV[i]
end
local function in_pieces(command, list, size)
  for from = 1, #list, size do
    local reply = redis.pcall(command, KEYS[1], unpack(list, from, math.min(from + size - 1, #list)))
    if type(reply) == 'table' and reply.err then
      return reply
    end
  end
end
local before = {}
for from = 1, #touched, 1000 do
  local piece = redis.call('HMGET', KEYS[1], unpack(touched, from, math.min(from + 999, #touched)))
  for i = 1, #piece do
    before[from + i - 1] = piece[i]
  end
end
local failed = in_pieces('HSET', set, 1000) or in_pieces('HDEL', removed, 1000)
if not failed then
  local added = redis.pcall('XADD', KEYS[2], 'MAXLEN', '=', ARGV[5], ARGV[3] .. '-0',
    'id', ARGV[4], 'parent', ARGV[2], 'commit', ARGV[8])
  if type(added) == 'table' and added.err then
    failed = added
  end
end
if failed then
  local back, gone = {}, {}
  for i, field in ipairs(touched) do
    if before[i] then
      back[#back + 1] = field
      back[#back + 1] = before[i]
    else
      gone[#gone + 1] = field
    end
  end
  in_pieces('HSET', back, 1000)
  in_pieces('HDEL', gone, 1000)
  return failed
end
if others then
  -- Whoever is not reached finds the hole in its revisions.
  redis.pcall(ARGV[6], ARGV[7], ARGV[8])
end
return {'ok'}
