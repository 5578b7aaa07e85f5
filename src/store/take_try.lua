-- KEYS: code. ARGV: now, hash, most tries. Returns the tries left when wrong, else -1 right, -2 too many, -3 expired, -4 used.
local code = redis.call('HMGET', KEYS[1], 'hash', 'ends', 'tries', 'used')
if not code[1] or now_ms(ARGV[1]) >= tonumber(code[2]) then return -3 end
if code[4] then return -4 end
-- Counted before it is compared, so that no crash in between gives a free try.
local tries = redis.call('HINCRBY', KEYS[1], 'tries', 1)
local most = tonumber(ARGV[3])
if tries > most then return -2 end
if code[1] == ARGV[2] then
    redis.call('HSET', KEYS[1], 'used', '1')
    return -1
end
return most - tries
