-- KEYS: value. ARGV: now.
local value = redis.call('HMGET', KEYS[1], 'value', 'ends')
if value[1] and now_ms(ARGV[1]) < tonumber(value[2]) then return value[1] end
return false
