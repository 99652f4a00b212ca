-- Appends a commit at the head, or says what its author has missed.
-- KEYS: state, log. ARGV: epoch, parent, rev, id, log length, server, channel, readers in the author's own process,
-- commit, number of values that follow, field, value, …, fields to remove.
local values = tonumber(ARGV[10])
local set, touched = {'rev', ARGV[3], 'head', ARGV[4]}, {'epoch', 'rev', 'head', 'server'}
for i = 11, 10 + values do
  set[#set + 1] = ARGV[i]
  if i % 2 == 1 then
    touched[#touched + 1] = ARGV[i]
  end
end
local removed = {}
for i = 11 + values, #ARGV do
  removed[#removed + 1] = ARGV[i]
  touched[#touched + 1] = ARGV[i]
end
-- A script that fails keeps what it has written. So this notes how things were, to put them back.
local s = redis.call('HMGET', KEYS[1], unpack(touched, 1, math.min(1000, #touched)))
if not s[1] or s[4] ~= ARGV[6] then
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
for from = 1001, #touched, 1000 do
  local piece = redis.call('HMGET', KEYS[1], unpack(touched, from, math.min(from + 999, #touched)))
  for i = 1, #piece do
    s[from + i - 1] = piece[i]
  end
end

local function in_pieces(command, list, size)
  for from = 1, #list, size do
    local reply = redis.pcall(command, KEYS[1], unpack(list, from, math.min(from + size - 1, #list)))
    if type(reply) == 'table' and reply.err then
      return reply
    end
  end
end
local failed = in_pieces('HSET', set, 1000) or in_pieces('HDEL', removed, 1000)
if not failed then
  -- Whole blocks of a hundred cost least; a short log is kept to its length.
  local trim = tonumber(ARGV[5]) < 200 and '=' or '~'
  local added = redis.pcall('XADD', KEYS[2], 'MAXLEN', trim, ARGV[5], ARGV[3] .. '-0',
    'id', ARGV[4], 'parent', ARGV[2], 'commit', ARGV[9])
  if type(added) == 'table' and added.err then
    failed = added
  end
end
if failed then
  local back, gone = {}, {}
  for i, field in ipairs(touched) do
    if s[i] then
      back[#back + 1] = field
      back[#back + 1] = s[i]
    else
      gone[#gone + 1] = field
    end
  end
  in_pieces('HSET', back, 1000)
  in_pieces('HDEL', gone, 1000)
  return failed
end
-- Its author needs no message. Whoever is not reached finds the hole in its revisions.
local shard = ARGV[6] == 'cluster'
local readers = redis.pcall('PUBSUB', shard and 'SHARDNUMSUB' or 'NUMSUB', ARGV[7])
local own = tonumber(ARGV[8])
if readers.err or own > 1 or readers[2] > own then
  redis.pcall(shard and 'SPUBLISH' or 'PUBLISH', ARGV[7], ARGV[9])
end
return {'ok'}
