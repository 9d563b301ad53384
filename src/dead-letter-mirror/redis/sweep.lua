-- Removes letters that were not sent in this epoch. A closed one that is about to expire only leaves the lists.
-- KEYS: epoch, dead, parked, then one entry per letter. ARGV: epoch, then the ids.
-- Gives the epoch that the mirror is in, and how many letters were removed, none in another epoch.
local found = redis.call('GET', KEYS[1])
if found ~= ARGV[1] then return { found or '', 0 } end

local removed = 0
for n = 4, #KEYS do
  local entry, id = KEYS[n], ARGV[n - 2]
  if redis.call('HGET', entry, 'epoch') ~= found then
    local gone = redis.call('ZREM', KEYS[2], id) + redis.call('ZREM', KEYS[3], id)
    -- -1: there, and without an end.
    if redis.call('TTL', entry) == -1 then gone = gone + redis.call('UNLINK', entry) end
    if gone > 0 then removed = removed + 1 end
  end
end
return { found, removed }
