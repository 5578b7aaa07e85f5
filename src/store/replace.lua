-- Puts a whole pool in place. KEYS: meta, pending. ARGV: beginning of the strings' keys, rev, digest, bound, present, then
-- the strings. All keys of a pool share a hash tag, so those of the strings may be made here.
for i = 0, tonumber(redis.call('HGET', KEYS[1], 'strings') or '0') - 1 do
    redis.call('DEL', ARGV[1] .. i)
end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('HSET', KEYS[1], 'rev', ARGV[2], 'digest', ARGV[3], 'bound', ARGV[4], 'present', ARGV[5], 'strings', #ARGV - 5)
for i = 6, #ARGV do
    redis.call('SET', ARGV[1] .. (i - 6), ARGV[i])
end
return 1
