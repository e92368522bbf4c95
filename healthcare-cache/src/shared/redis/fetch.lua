-- Reads values and judges them at the same moment. KEYS[3..] the values, ARGV[6..] their keys' marks.
-- Guarantees: what is given was valid when this ran; what will never be valid again is removed.
local found = {}
for i = 3, #KEYS do
  local value = redis.call('GET', KEYS[i])
  found[i - 2] = false
  if value then
    local marks = { ARGV[i + 3] }
    for k = 1, tonumber(string.sub(value, 33, 34), 16) or 0 do
      marks[k + 1] = string.sub(value, 19 + 16 * k, 34 + 16 * k)
    end
    local verdict = judge(string.sub(value, 1, 16), tonumber(string.sub(value, 17, 32), 16), marks)
    if verdict == STALE then
      redis.call('UNLINK', KEYS[i])
    elseif verdict ~= BARRED then
      found[i - 2] = { value, redis.call('PTTL', KEYS[i]), verdict }
    end
  end
end
if dirty then save() end
return { epoch, n, g, found }
