-- Renews a node's lease, in this server's time, and probes delivery. KEYS: nodes. ARGV: node, channel, text.
-- Returns now, the node's beat before ('' for none), then node, beat, … of everybody.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local before = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
local reply = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
table.insert(reply, 1, before or '')
table.insert(reply, 1, tostring(now))
return reply
