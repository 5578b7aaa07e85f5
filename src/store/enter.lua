-- One change of a pool. KEYS: meta, pending, the member's string. ARGV: offset, record, weight and presence, rev, digest,
-- most pending, number of strings that there must be. Returns 1 when the pool is whole up to this change.
local rev = tonumber(redis.call('HGET', KEYS[1], 'rev') or '0')
local at, after = tonumber(ARGV[1]), tonumber(ARGV[4])
if after <= rev then return 1 end

local old = redis.call('GETRANGE', KEYS[3], at, at + 43)
local written, word = 0, 0
if #old == 44 then
    local high, low = struct.unpack('>I4I4', old)
    written, word = high * 4294967296 + low, struct.unpack('>I4', old, 41)
end
if written < after then
    redis.call('SETRANGE', KEYS[3], at, ARGV[2])
    local function counts(both)
        if both >= 2 then return 1, both % 2 end
        return 0, 0
    end
    local bound_before, present_before = counts(word)
    local bound_after, present_after = counts(tonumber(ARGV[3]))
    redis.call('HINCRBY', KEYS[1], 'bound', bound_after - bound_before)
    redis.call('HINCRBY', KEYS[1], 'present', present_after - present_before)
    if tonumber(redis.call('HGET', KEYS[1], 'strings') or '0') < tonumber(ARGV[7]) then
        redis.call('HSET', KEYS[1], 'strings', ARGV[7])
    end
end

if redis.call('HEXISTS', KEYS[1], 'lost') == 1 then return 0 end
redis.call('HSET', KEYS[2], ARGV[4], ARGV[5])
while true do
    local nth = string.format('%d', rev + 1)
    local digest = redis.call('HGET', KEYS[2], nth)
    if not digest then break end
    rev = rev + 1
    redis.call('HSET', KEYS[1], 'rev', nth, 'digest', digest)
    redis.call('HDEL', KEYS[2], nth)
end
-- Too many wait for one that seems lost: only a rebuild helps.
if redis.call('HLEN', KEYS[2]) > tonumber(ARGV[6]) then
    redis.call('DEL', KEYS[2])
    redis.call('HSET', KEYS[1], 'lost', '1')
end
if after <= rev then return 1 end
return 0
