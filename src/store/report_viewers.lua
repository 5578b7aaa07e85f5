-- KEYS: open sockets by server. ARGV: now, server, open, ttl.
local ends = string.format('%d', now_ms(ARGV[1]) + tonumber(ARGV[4]))
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3] .. ' ' .. ends)
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 1
