-- Reads or advances the generation of everything. KEYS[1] the generation; ARGV the generation this node knows, and
-- 'look' or 'next', the channel, and the notice: with a next one it is told, and the generation after it in eight bytes.
-- Guarantees: it never falls below what a node that asks knows. When it was lost, the next one begins at the server's
-- clock in microseconds, which is above what can have been counted before.
local known = tonumber(ARGV[1])
local held = tonumber(redis.call('GET', KEYS[1]) or '0') or 0
local next = math.max(held, known)
if ARGV[2] == 'next' then
  if held == 0 then
    local time = redis.call('TIME')
    next = math.max(next, tonumber(time[1]) * 1000000 + tonumber(time[2]))
  end
  next = next + 1
end
if next > held then redis.call('SET', KEYS[1], string.format('%.0f', next)) end
if ARGV[2] == 'next' and ARGV[4] ~= '' then
  local bytes, rest = '', next
  for _ = 1, 8 do
    bytes, rest = string.char(rest % 256) .. bytes, math.floor(rest / 256)
  end
  redis.call('PUBLISH', ARGV[3], ARGV[4] .. bytes)
end
return next
