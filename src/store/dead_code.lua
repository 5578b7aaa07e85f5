-- KEYS: code. ARGV: now, most tries. Returns 0 for a code that a try would be compared with, else what take_try would say.
local code = redis.call('HMGET', KEYS[1], 'hash', 'ends', 'tries', 'used')
if not code[1] or now_ms(ARGV[1]) >= tonumber(code[2]) then return -3 end
if code[4] then return -4 end
if tonumber(code[3]) >= tonumber(ARGV[2]) then return -2 end
return 0
