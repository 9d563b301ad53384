-- Writes open letters: the entry, and its place in the list of its state.
-- KEYS: epoch, dead, parked, then one entry per letter.
-- ARGV: epoch, then per letter: state, revision, score (ms), id, number of texts, that many of name and value.
-- Gives the epoch that the mirror is in, which the caller compares: another one, or none, and nothing was written.
local found = redis.call('GET', KEYS[1])
if found ~= ARGV[1] then return found or '' end

local at = 2
for n = 4, #KEYS do
  local entry, state, revision, score, id = KEYS[n], ARGV[at], tonumber(ARGV[at + 1]), ARGV[at + 2], ARGV[at + 3]
  local first = at + 5
  local last = first + tonumber(ARGV[at + 4]) - 1
  at = last + 1

  local known = redis.call('HMGET', entry, 'epoch', 'revision')
  if known[1] ~= found or (tonumber(known[2]) or 0) <= revision then
    -- HSET is the script's first write, because Redis refuses a script for want of memory only there: after a DEL it
    -- would write past maxmemory.
    redis.call('HSET', entry, unpack(ARGV, first, last))
    if redis.call('HLEN', entry) * 2 ~= last - first + 1 then
      -- Texts of an older version that this one does not have.
      redis.call('DEL', entry)
      redis.call('HSET', entry, unpack(ARGV, first, last))
    end
    -- A closed letter that was opened again by a restored database would expire.
    redis.call('PERSIST', entry)
    local mine, other = KEYS[2], KEYS[3]
    if state == 'parked' then mine, other = other, mine end
    redis.call('ZADD', mine, score, id)
    redis.call('ZREM', other, id)
  end
end
return found
