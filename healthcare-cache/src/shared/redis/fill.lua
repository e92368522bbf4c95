-- Keeps a value if its fence holds. KEYS[3] the value; ARGV[6..] the fence's epoch and number, the life in milliseconds,
-- the value with its header but for its end, the token of the lease KEYS[4] or nothing, then the marks it depends on, its key first.
-- Guarantees: nothing is kept that a fetch at this moment would not find valid; the lease is given back in any case.
local marks = {}
for i = 11, #ARGV do marks[i - 10] = ARGV[i] end
local verdict = judge(ARGV[6], tonumber(ARGV[7]), marks)
local kept
if verdict == CURRENT then
  local ends = string.format('%014.0f', now() + tonumber(ARGV[8]))
  kept = redis.pcall('SET', KEYS[3], ends .. ARGV[9], 'PX', ARGV[8])
  dirty = true
end
-- Not before: whoever has removed something may write even when memory is full.
if KEYS[4] then release(KEYS[4], ARGV[10]) end
if type(kept) == 'table' and kept.err then return kept end
if dirty then save() end
return { epoch, n, g, verdict }
