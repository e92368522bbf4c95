-- Gives a lease back. KEYS[3] it; ARGV[6] the token in 32 digits.
-- Guarantees: another token's lease stays.
release(KEYS[3], ARGV[6])
if dirty then save() end
return { epoch, n, g }
