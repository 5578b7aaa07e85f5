-- KEYS: list of moments. ARGV: now, window, limit. Returns 0 when counted, else ms to wait.
local now, window, limit = now_ms(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
while true do
    local first = redis.call('LINDEX', KEYS[1], 0)
    if not first or tonumber(first) + window > now then break end
    redis.call('LPOP', KEYS[1])
end
local count = redis.call('LLEN', KEYS[1])
if count < limit then
    redis.call('RPUSH', KEYS[1], string.format('%d', now))
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return 0
end
local oldest = redis.call('LINDEX', KEYS[1], count - math.max(limit, 1))
if not oldest then return window end
return math.max(tonumber(oldest) + window - now, 1)
