/**
 * What runs in Redis, each as one step: nothing of a script is carried out without the rest, and in the append-only file
 * and towards replicas it is one transaction. Everything that could refuse a write is looked at before the first one.
 */

/**
 * One batch of one partition, once.
 *
 *   KEYS  1 positions, then per window key: the key, its key of what was cut
 *   ARGV  1 `<topic>/<partition>`  2 topic id, '' when unknown  3 claim  4 position that the batch goes on from, '' for none
 *         5 position behind it, then per window key: sum | max | min, expires at (s), cap, count, and so often: name, value
 *
 * Gives [what, position, names cut]:
 *   ok      it is in
 *   done    it was in already
 *   at      the position is another one: the reader goes on from there (overlap, gap, Redis went back)
 *   fenced  somebody claimed the partition later
 *   claim   the topic is another one than at the last claim: to be claimed again
 *   type    a key holds something else; the second value is the key
 */
export const APPLY = `
local field = ARGV[1]
local had = redis.call('HMGET', KEYS[1], field, 'epoch:' .. field, 'topic:' .. field)
local at = had[1] or ''
if tonumber(ARGV[3]) < tonumber(had[2] or '0') then return {'fenced', at, 0} end
if ARGV[2] ~= '' and had[3] ~= ARGV[2] then return {'claim', at, 0} end
if at ~= ARGV[4] then
  if at ~= '' and tonumber(at) >= tonumber(ARGV[5]) then return {'done', at, 0} end
  return {'at', at, 0}
end
for k = 2, #KEYS do
  local kind = redis.call('TYPE', KEYS[k])['ok']
  if kind ~= 'none' and kind ~= (k % 2 == 0 and 'zset' or 'string') then return {'type', KEYS[k], 0} end
end
local i, cut = 6, 0
for k = 2, #KEYS, 2 do
  local key, op, expires, cap, n = KEYS[k], ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  i = i + 4
  if op == 'sum' then
    for _ = 1, n do
      redis.call('ZINCRBY', key, ARGV[i + 1], ARGV[i])
      i = i + 2
    end
  else
    local which = op == 'max' and 'GT' or 'LT'
    for _ = 1, n do
      redis.call('ZADD', key, which, ARGV[i + 1], ARGV[i])
      i = i + 2
    end
  end
  local over = redis.call('ZCARD', key) - cap
  if over > cap / 4 then
    if op == 'min' then redis.call('ZREMRANGEBYRANK', key, -over, -1)
    else redis.call('ZREMRANGEBYRANK', key, 0, over - 1) end
    redis.call('INCRBY', KEYS[k + 1], over)
    redis.call('EXPIREAT', KEYS[k + 1], expires)
    cut = cut + over
  end
  redis.call('EXPIREAT', key, expires)
end
redis.call('HSET', KEYS[1], field, ARGV[5], 'epoch:' .. field, ARGV[3])
return {'ok', ARGV[5], cut}
`;

/**
 * Makes a partition the caller's: batches of whoever claimed it before are refused from now on.
 *
 *   KEYS  1 positions
 *   ARGV  1 `<topic>/<partition>`  2 topic id, '' when unknown
 *
 * Gives [claim, position or '', 1 if the topic was made anew].
 */
export const CLAIM = `
local field, id, anew = ARGV[1], ARGV[2], 0
local had = redis.call('HGET', KEYS[1], 'topic:' .. field)
if id ~= '' then
  if had and had ~= id then
    redis.call('HDEL', KEYS[1], field)
    anew = 1
  end
  redis.call('HSET', KEYS[1], 'topic:' .. field, id)
end
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch:' .. field, 1)
return {epoch, redis.call('HGET', KEYS[1], field) or '', anew}
`;
