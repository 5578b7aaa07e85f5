-- KEYS: code. ARGV: now, hash, ttl.
local ends = now_ms(ARGV[1]) + tonumber(ARGV[3])
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'hash', ARGV[2], 'ends', string.format('%d', ends), 'tries', '0')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
