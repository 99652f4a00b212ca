-- Charges a bucket, in this server's time. KEYS: bucket. ARGV: microseconds, negative to give back.
-- Returns how many microseconds have not come back.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local mark = tonumber(redis.call('GET', KEYS[1]) or '0')
local after = math.max(mark, now) + tonumber(ARGV[1])
if after <= now then
  redis.call('DEL', KEYS[1])
  return {'0'}
end
redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000))
return {string.format('%.0f', after - now)}
