-- Time in ms: Redis's own (one clock for all servers) unless the caller's clock is fixed.
local function now_ms(given)
    if tonumber(given) >= 0 then return tonumber(given) end
    local time = redis.call('TIME')
    return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
