-- Judges a value that someone holds. ARGV[6..] its fence's epoch and number, then its marks.
-- Guarantees: the verdict is what a fetch at this moment would go by.
local marks = {}
for i = 8, #ARGV do marks[i - 7] = ARGV[i] end
local verdict = judge(ARGV[6], tonumber(ARGV[7]), marks)
if dirty then save() end
return { epoch, n, g, verdict }
