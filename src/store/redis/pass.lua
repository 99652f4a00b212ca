-- Gives a session to another node. KEYS: session. ARGV: node before, node after, milliseconds.
-- Returns whether it still belonged to the node before.
local held = redis.call('GET', KEYS[1])
if not held or string.sub(held, 1, 16) ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[2] .. string.sub(held, 17), 'PX', ARGV[3])
return 1
