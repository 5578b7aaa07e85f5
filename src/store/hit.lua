-- KEYS: lists of moments. ARGV: now, then window and limit of each. Counts all of them and returns 0, or none and the ms to
-- wait until all of them may be.
local now, wait = now_ms(ARGV[1]), 0
for n, key in ipairs(KEYS) do
    local window, limit = tonumber(ARGV[2 * n]), tonumber(ARGV[2 * n + 1])
    while true do
        local first = redis.call('LINDEX', key, 0)
        if not first or tonumber(first) + window > now then break end
        redis.call('LPOP', key)
    end
    local count = redis.call('LLEN', key)
    if count >= limit then
        local oldest = redis.call('LINDEX', key, count - math.max(limit, 1))
        wait = math.max(wait, oldest and math.max(tonumber(oldest) + window - now, 1) or window)
    end
end
if wait > 0 then return wait end
for n, key in ipairs(KEYS) do
    redis.call('RPUSH', key, string.format('%d', now))
    redis.call('PEXPIRE', key, ARGV[2 * n])
end
return 0
