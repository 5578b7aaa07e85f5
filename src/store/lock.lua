-- KEYS: lock. ARGV: now, owner, ttl. Returns 1 when taken. The same owner may ask twice (its first answer was lost).
local held = redis.call('HMGET', KEYS[1], 'owner', 'ends')
local now = now_ms(ARGV[1])
if held[1] and held[1] ~= ARGV[2] and now < tonumber(held[2]) then return 0 end
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'ends', string.format('%d', now + tonumber(ARGV[3])))
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
