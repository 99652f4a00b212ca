-- What a replica lacks. KEYS: state, log. ARGV: epoch, rev, head.
local s = redis.call('HMGET', KEYS[1], 'epoch', 'rev', 'head')
if not s[1] then
  return {'none'}
end
return missed(s, ARGV[1], tonumber(ARGV[2]), ARGV[3])
