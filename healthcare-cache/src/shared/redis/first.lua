-- Goes before what must not be refused. Redis asks for free memory until a script's first write, and this one needs none:
-- so a purge goes through when memory is full.
redis.call('PEXPIRE', KEYS[1], ARGV[5])
