-- Keeps a value if its fence holds. KEYS[3] the value; ARGV[6..] the fence's epoch and number, the life in milliseconds,
-- the value with its header, then the marks it depends on, its key first.
-- Guarantees: nothing is kept that a fetch at this moment would not find valid.
local marks = {}
for i = 10, #ARGV do marks[i - 9] = ARGV[i] end
local verdict = judge(ARGV[6], tonumber(ARGV[7]), marks)
if verdict == CURRENT then
  redis.call('SET', KEYS[3], ARGV[9], 'PX', ARGV[8])
  dirty = true
end
if dirty then save() end
return { epoch, n, g, verdict }
