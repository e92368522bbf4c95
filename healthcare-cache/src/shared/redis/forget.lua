-- Takes the next number for all that is named. KEYS[3..] values to remove; ARGV[6] 'purge' or 'expire', [7] how many
-- marks are kept, [8] 'clinic' or 'marks', [9] the channel, [10] the notice, [11..] the marks.
-- Guarantees: nothing that began before and depends on a mark is valid from now on (or else it is over); barred marks
-- stay barred.
n = n + 1
local purges = ARGV[6] == 'purge'
if ARGV[8] == 'clinic' then
  if purges then c = n else o = n end
end
local scored = {}
for i = 11, #ARGV do
  scored[#scored + 1] = text(n)
  scored[#scored + 1] = purges and ARGV[i] or 'x' .. ARGV[i]
end
if #scored > 0 then redis.call('ZADD', m, 'GT', unpack(scored)) end
for i = 3, #KEYS do redis.call('UNLINK', KEYS[i]) end
trim(tonumber(ARGV[7]))
save()
tell(ARGV[9], ARGV[10])
return { epoch, n, g }
