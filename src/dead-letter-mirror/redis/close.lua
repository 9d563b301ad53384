-- Takes closed letters out of the lists; what is left of an entry says how it ended, for a while.
-- KEYS: epoch, dead, parked, then one entry per letter.
-- ARGV: epoch, seconds to live, then per letter: id, state, revision.
-- Gives the epoch that the mirror is in, which the caller compares: another one, or none, and nothing was written.
local found = redis.call('GET', KEYS[1])
if found ~= ARGV[1] then return found or '' end

for n = 4, #KEYS do
  local entry, at = KEYS[n], 3 * (n - 4) + 3
  local id, state, revision = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  local known = redis.call('HMGET', entry, 'epoch', 'revision')
  if known[1] ~= found or (tonumber(known[2]) or 0) <= revision then
    redis.call('ZREM', KEYS[2], id)
    redis.call('ZREM', KEYS[3], id)
    if redis.call('EXISTS', entry) == 1 then
      redis.call('HDEL', entry, 'payload', 'payloadEncoding', 'key', 'keyEncoding', 'error', 'traceparent')
      redis.call('HSET', entry, 'state', state, 'revision', revision, 'epoch', found)
      redis.call('EXPIRE', entry, ARGV[2])
    end
  end
end
return found
