-- What a replica lacks. KEYS: state, log. ARGV: server, epoch, rev, head.
local s = redis.call('HMGET', KEYS[1], 'epoch', 'rev', 'head', 'server')
if not s[1] or s[4] ~= ARGV[1] then
  return {'none'}
end
return missed(s, ARGV[2], tonumber(ARGV[3]), ARGV[4])
