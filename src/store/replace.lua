-- Puts a whole pool in place. KEYS: members, meta, pending. ARGV: rev, digest, bound, present, then idx and value of each member.
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
redis.call('HSET', KEYS[2], 'rev', ARGV[1], 'digest', ARGV[2], 'bound', ARGV[3], 'present', ARGV[4])
for i = 5, #ARGV, 2 do
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
end
return 1
