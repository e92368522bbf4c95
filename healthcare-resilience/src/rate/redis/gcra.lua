-- One decision about one bucket, by the server's own clock.
-- KEYS[1] the bucket: the microsecond at which it will be full again.
-- KEYS[2] when given, the decision: what was granted to it before, if it was made already.
-- ARGV: interval and capacity in microseconds, permits needed, permits wanted, how long a decision is kept in milliseconds.
-- Answers permits granted (0: refused) and how much of the bucket is in use, in microseconds.
local interval, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
local needed, wanted = tonumber(ARGV[3]), tonumber(ARGV[4])
if KEYS[2] then
  local before = redis.call('GET', KEYS[2])
  if before then
    local granted, used = string.match(before, '^(%d+) (%d+)$')
    return { tonumber(granted), tonumber(used) }
  end
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local used = (tonumber(redis.call('GET', KEYS[1]) or '0') or 0) - now
-- More than a second further ahead than an empty bucket's: the clock stepped back, as at a failover to a server whose
-- clock lags. That is written down, or the bucket would be empty anew each time.
local stepped = used > capacity + 1000000
if stepped then used = capacity end
if used < 0 then used = 0 end
local function keep()
  -- Lua's own conversion keeps 14 digits, and there are 16.
  local life = string.format('%.0f', math.ceil(used / 1000) + 1000)
  redis.call('SET', KEYS[1], string.format('%.0f', now + used), 'PX', life)
end
local granted = math.min(wanted, math.floor((capacity - used) / interval))
if granted < needed then
  if stepped then keep() end
  return { 0, used }
end
used = used + granted * interval
keep()
if KEYS[2] then
  redis.call('SET', KEYS[2], string.format('%.0f %.0f', granted, used), 'PX', ARGV[5])
end
return { granted, used }
