-- Begins every script about a clinic: finds out where the clinic stands, and makes up for what was lost or ran out.
-- KEYS[1] its numbers, KEYS[2] its marks; ARGV: a fresh epoch, the epoch and number this node saw last, the generation
-- it knows, how long marks are kept in milliseconds.
-- Numbers: p what a plain look reads of them, n the last, f the floor, c and o the last purge and expiry of the whole clinic, g the generation;
-- a: all is barred until then, l: the last end of any bar, w: when to look for bars that ran out (0: none).
-- Marks are scored with the number of their purge, 'x' and a mark with that of its expiry, a barred mark with BAR and
-- the bar's end, 'e' and the epoch with infinity: the witness that the marks are this epoch's.
-- Guarantees: if the numbers or the marks are not those of before, the epoch is another, and nothing older is valid in
-- it; and no bar that one of the two still knows of is forgotten.
local BAR, BAR_LAST = 4503599627370496, '9007199254740991'
local CURRENT, OVER, STALE, BARRED = 0, 1, 2, 3
local s, m = KEYS[1], KEYS[2]
local function text(number) return string.format('%.0f', number) end
local clock
local function now()
  if not clock then
    local time = redis.call('TIME')
    clock = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
  end
  return clock
end
local held = redis.call('HMGET', s, 'e', 'n', 'f', 'c', 'o', 'g', 'a', 'l', 'w')
local function number(i) return tonumber(held[i] or '0') or 0 end
local epoch, n, f, c, o, g = held[1], number(2), number(3), number(4), number(5), number(6)
local a, l, w = number(7), number(8), number(9)
local dirty = false

-- When the first bar ends.
local function soonest()
  local first = redis.call('ZRANGEBYSCORE', m, text(BAR), BAR_LAST, 'WITHSCORES', 'LIMIT', 0, 1)
  w = first[2] and tonumber(first[2]) - BAR or 0
  if a > 0 and (w == 0 or a < w) then w = a end
end

local witness = epoch and redis.call('ZSCORE', m, 'e' .. epoch)
if not witness or (epoch == ARGV[2] and n < tonumber(ARGV[3])) then
  if l > now() and not witness then a = math.max(a, l) end
  redis.call('ZREMRANGEBYSCORE', m, '-inf', '(' .. text(BAR))
  redis.call('ZREMRANGEBYSCORE', m, '+inf', '+inf')
  redis.call('DEL', s)
  epoch, n, f, c, o, dirty = ARGV[1], 1, 0, 0, 0, true
  redis.call('ZADD', m, '+inf', 'e' .. epoch)
  local last = redis.call('ZREVRANGEBYSCORE', m, BAR_LAST, text(BAR), 'WITHSCORES', 'LIMIT', 0, 1)
  if last[2] then l = math.max(l, tonumber(last[2]) - BAR) end
  soonest()
end
if tonumber(ARGV[4]) > g then
  g, n, dirty = tonumber(ARGV[4]), n + 1, true
  c = n
end
if w > 0 and now() >= w then
  n, dirty = n + 1, true
  for _, mark in ipairs(redis.call('ZRANGEBYSCORE', m, text(BAR), text(BAR + now()))) do
    redis.call('ZADD', m, text(n), mark)
    redis.call('HDEL', s, 'b' .. mark)
  end
  if a > 0 and a <= now() then c, a = n, 0 end
  soonest()
end

-- Whether what began at a number of an epoch and depends on these marks is valid.
local function judge(at, since, marks)
  if at ~= epoch or not since or since > n then return STALE end
  if a > 0 then return BARRED end
  local asked = {}
  for i, mark in ipairs(marks) do asked[i], asked[#marks + i] = mark, 'x' .. mark end
  local scores = #marks > 0 and redis.call('ZMSCORE', m, unpack(asked)) or {}
  local stale, over = since < f or since < c, since < o
  for i = 1, #marks do
    local purged, expired = tonumber(scores[i] or '0'), tonumber(scores[#marks + i] or '0')
    if purged >= BAR then return BARRED end
    if purged > since then stale = true end
    if expired > since then over = true end
  end
  return stale and STALE or over and OVER or CURRENT
end

-- What lies under a value's key, by its mark: the value, what is left of it in milliseconds and the verdict. Nothing when
-- it may not be shown, and the verdict alone; what will never be valid again is removed.
local function look(key, mark)
  local value = redis.call('GET', key)
  if not value then return false, STALE end
  local marks = { mark }
  for k = 1, tonumber(string.sub(value, 47, 48), 16) or 0 do
    marks[k + 1] = string.sub(value, 33 + 16 * k, 48 + 16 * k)
  end
  local verdict = judge(string.sub(value, 15, 30), tonumber(string.sub(value, 31, 46), 16), marks)
  if verdict == STALE then
    redis.call('UNLINK', key)
  elseif verdict ~= BARRED then
    return { value, redis.call('PTTL', key), verdict }, verdict
  end
  return false, verdict
end

-- Gives a lease back, if this token holds it.
local function release(key, token)
  if string.sub(redis.call('GET', key) or '', 1, 32) == token then redis.call('UNLINK', key) end
end

-- Tells all who listen, once the rest is done.
local function tell(channel, notice)
  if notice ~= '' then redis.call('PUBLISH', channel, notice) end
end

-- Drops the lowest marks above the limit, and lifts the floor to the highest of them.
local function trim(most)
  local excess = redis.call('ZCARD', m) - 1 - most
  if excess <= 0 then return end
  local top = redis.call('ZRANGE', m, excess - 1, excess - 1, 'WITHSCORES')
  if tonumber(top[2]) >= BAR then return end
  f = math.max(f, tonumber(top[2]))
  redis.call('ZREMRANGEBYSCORE', m, '-inf', text(f))
end

-- Writes down where the clinic stands; its marks then outlive every value that is kept by now.
local function save()
  redis.call('HSET', s, 'e', epoch, 'n', text(n), 'f', text(f), 'c', text(c), 'o', text(o), 'g', text(g),
    'a', text(a), 'l', text(l), 'w', text(w),
    'p', table.concat({ epoch, text(n), text(g), text(math.max(f, c, o)), text(a), text(w) }, ' '))
  redis.call('PEXPIRE', s, ARGV[5])
  redis.call('PEXPIRE', m, ARGV[5])
end
