-- Reads a value, and gives the turn to load it if it is wanted and free. KEYS[3] the value, [4] its lease; ARGV[6] its
-- key's mark, [7] the asker's token in 32 digits, [8] for how long in milliseconds, [9] below what is left a value is to be
-- replaced.
-- Guarantees: as fetch; until a lease ends, is given back, or what its holder loads can no longer be kept (as far as the key
-- tells), no other token gets it. What cannot be kept because of a bar is nobody's turn: nobody waits for it.
local mark, token = ARGV[6], ARGV[7]
local found, verdict = look(KEYS[3], mark)
local turn = 0
if verdict == BARRED then
  turn = 1
elseif not found or verdict == OVER or found[2] < tonumber(ARGV[9]) then
  local lease = redis.call('GET', KEYS[4])
  local is_held = lease and string.sub(lease, 1, 32) ~= token
    and judge(string.sub(lease, 33, 48), tonumber(string.sub(lease, 49)), { mark }) == CURRENT
  if not is_held then
    turn = 1
    -- Without room for it the turn is everybody's.
    redis.pcall('SET', KEYS[4], token .. epoch .. text(n), 'PX', ARGV[8])
  end
end
if dirty then save() end
return { epoch, n, g, { turn, found } }
