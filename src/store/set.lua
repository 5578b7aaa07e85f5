-- KEYS: value. ARGV: now, value, ttl.
redis.call('HSET', KEYS[1], 'value', ARGV[2], 'ends', string.format('%d', now_ms(ARGV[1]) + tonumber(ARGV[3])))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
