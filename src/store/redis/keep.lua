-- Writes a session, or takes it out. KEYS: session. ARGV: node, session ('' takes it out), milliseconds, '1' where
-- the store does not have it yet. What belongs to another node, or has ended there, stays as it is.
local held = redis.call('GET', KEYS[1])
if held and string.sub(held, 1, 16) ~= ARGV[1] or not held and ARGV[4] ~= '1' then
  return 0
end
if ARGV[2] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
end
return 1
