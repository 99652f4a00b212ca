-- A node forgets an empty room; the last one removes it. KEYS: state, log, nodes. ARGV: node, epoch, head.
local s = redis.call('HMGET', KEYS[1], 'epoch', 'head')
if s[1] and (s[1] ~= ARGV[2] or s[2] ~= ARGV[3]) then
  return 0
end
redis.call('SREM', KEYS[3], ARGV[1])
if not s[1] or redis.call('SCARD', KEYS[3]) == 0 then
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
end
return 1
