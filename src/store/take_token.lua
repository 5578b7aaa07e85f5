-- KEYS: next free slot, in µs. ARGV: now, µs between slots, longest wait in ms that is believed. Returns ms to wait.
local now = now_ms(ARGV[1]) * 1000
local free = tonumber(redis.call('GET', KEYS[1]) or '0')
if free < now or free > now + tonumber(ARGV[3]) * 1000 then free = now end
redis.call('SET', KEYS[1], string.format('%d', free + tonumber(ARGV[2])), 'PX', string.format('%d', tonumber(ARGV[3]) * 2))
return math.ceil((free - now) / 1000)
