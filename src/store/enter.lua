-- One change of a pool. KEYS: members, meta, pending. ARGV: idx, pid, weight, present, rev, digest, most pending.
-- A member is kept as "rev pid weight present". Returns 1 when the pool is whole up to this change.
local rev = tonumber(redis.call('HGET', KEYS[2], 'rev') or '0')
local after = tonumber(ARGV[5])
if after <= rev then return 1 end

local old = redis.call('HGET', KEYS[1], ARGV[1])
local written, weight, present = 0, 0, 0
if old then
    local w, _, t, p = string.match(old, '^(%d+) (%S+) (%d+) (%d)$')
    written, weight, present = tonumber(w), tonumber(t), tonumber(p)
end
if written < after then
    redis.call('HSET', KEYS[1], ARGV[1], table.concat({ARGV[5], ARGV[2], ARGV[3], ARGV[4]}, ' '))
    local function counts(tickets, here)
        if tickets > 0 then return 1, here end
        return 0, 0
    end
    local bound_before, present_before = counts(weight, present)
    local bound_after, present_after = counts(tonumber(ARGV[3]), tonumber(ARGV[4]))
    redis.call('HINCRBY', KEYS[2], 'bound', bound_after - bound_before)
    redis.call('HINCRBY', KEYS[2], 'present', present_after - present_before)
end

if redis.call('HEXISTS', KEYS[2], 'lost') == 1 then return 0 end
redis.call('HSET', KEYS[3], ARGV[5], ARGV[6])
while true do
    local nth = string.format('%d', rev + 1)
    local digest = redis.call('HGET', KEYS[3], nth)
    if not digest then break end
    rev = rev + 1
    redis.call('HSET', KEYS[2], 'rev', nth, 'digest', digest)
    redis.call('HDEL', KEYS[3], nth)
end
-- Too many wait for one that seems lost: only a rebuild helps.
if redis.call('HLEN', KEYS[3]) > tonumber(ARGV[7]) then
    redis.call('DEL', KEYS[3])
    redis.call('HSET', KEYS[2], 'lost', '1')
end
if after <= rev then return 1 end
return 0
