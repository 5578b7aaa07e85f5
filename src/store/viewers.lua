-- KEYS: open sockets by server. ARGV: now. Returns the sum over servers that live.
local now, sum = now_ms(ARGV[1]), 0
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
    local open, ends = string.match(all[i + 1], '^(%d+) (%d+)$')
    if open and now < tonumber(ends) then
        sum = sum + tonumber(open)
    else
        redis.call('HDEL', KEYS[1], all[i])
    end
end
return sum
