-- Ends a bar and purges its marks. ARGV[6] the bar's token, [7] how many marks are kept, [8] the channel, [9] the notice, [10..] the
-- marks.
-- Guarantees: nothing that began before is valid with these marks; a mark that another bar holds stays barred; so does
-- one of whose bars nothing is written any more, until its end.
n = n + 1
for i = 10, #ARGV do
  local mark, field = ARGV[i], 'b' .. ARGV[i]
  local record = redis.call('HGET', s, field)
  local others, last = '', 0
  for at = 1, record and #record or 0, 46 do
    local ends = tonumber(string.sub(record, at + 32, at + 45))
    if string.sub(record, at, at + 31) ~= ARGV[6] and ends > now() then
      others = others .. string.sub(record, at, at + 45)
      last = math.max(last, ends)
    end
  end
  if last > 0 then
    redis.call('HSET', s, field, others)
    redis.call('ZADD', m, text(BAR + last), mark)
  elseif record or tonumber(redis.call('ZSCORE', m, mark) or '0') < BAR then
    redis.call('HDEL', s, field)
    redis.call('ZADD', m, text(n), mark)
  end
end
trim(tonumber(ARGV[7]))
soonest()
save()
tell(ARGV[8], ARGV[9])
return { epoch, n, g }
