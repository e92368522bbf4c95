-- Bars marks until an end by the server's clock. ARGV[6] the bar's token in 32 digits, [7] how long in milliseconds,
-- [8] how many marks may be barred at once, [9] the channel, [10] the notice, [11..] the marks.
-- Guarantees: until the bar is lifted or ends, nothing with one of these marks is found or kept; when there is no room
-- for it, nothing of the clinic is. The bars of a mark are written one after the other: token, end in 14 digits.
local ends = now() + tonumber(ARGV[7])
local whole = redis.call('ZCOUNT', m, text(BAR), BAR_LAST) + #ARGV - 10 > tonumber(ARGV[8])
local records = {}
for i = 11, #ARGV do
  records[i] = redis.call('HGET', s, 'b' .. ARGV[i]) or ''
  if #records[i] >= 46 * 64 then whole = true end
end
if whole then
  a = math.max(a, ends)
else
  for i = 11, #ARGV do
    redis.call('HSET', s, 'b' .. ARGV[i], records[i] .. ARGV[6] .. string.format('%014.0f', ends))
    redis.call('ZADD', m, 'GT', text(BAR + ends), ARGV[i])
  end
end
l = math.max(l, ends)
if w == 0 or ends < w then w = ends end
save()
tell(ARGV[9], ARGV[10])
return { epoch, n, g }
