-- Counts the letters of which the entry or its place in the list of its state is missing, or older.
-- KEYS: epoch, dead, parked, then one entry per letter. ARGV: epoch, then per letter: id, state, revision.
-- Gives the epoch that the mirror is in, and the number, which means something only in the caller's epoch.
local found = redis.call('GET', KEYS[1])
if found ~= ARGV[1] then return { found or '', 0 } end

local missing = 0
for n = 4, #KEYS do
  local at = 3 * (n - 4) + 2
  local id, state, revision = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local known = redis.call('HMGET', KEYS[n], 'epoch', 'revision')
  local listed = redis.call('ZSCORE', state == 'parked' and KEYS[3] or KEYS[2], id)
  if known[1] ~= found or not listed or (tonumber(known[2]) or 0) < revision then missing = missing + 1 end
end
return { found, missing }
