-- Reads values and judges them at the same moment. KEYS[3..] the values, ARGV[6..] their keys' marks.
-- Guarantees: what is given was valid when this ran; what will never be valid again is removed.
local found = {}
for i = 3, #KEYS do found[i - 2] = look(KEYS[i], ARGV[i + 3]) end
if dirty then save() end
return { epoch, n, g, found }
