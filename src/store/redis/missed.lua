-- What a replica at (epoch, rev, head) lacks: {'commits', …}, or {'room', field, value, …} where the log does not
-- reach back or tells another story. A head of '*' is not compared. `s` holds epoch, rev and head of the room.
local function missed(s, epoch, rev, head)
  local found = tonumber(s[2])
  if s[1] == epoch and rev == found and (head == '*' or s[3] == head) then
    return {'commits'}
  end
  if s[1] == epoch and rev < found then
    local first = string.format('%d-0', rev + 1)
    local entries = redis.call('XRANGE', KEYS[2], first, '+')
    local oldest = entries[1]
    if oldest and oldest[1] == first and (head == '*' or oldest[2][4] == head) then
      local reply = {'commits'}
      for i, entry in ipairs(entries) do
        reply[i + 1] = entry[2][6]
      end
      return reply
    end
  end
  local reply = redis.call('HGETALL', KEYS[1])
  table.insert(reply, 1, 'room')
  return reply
end
