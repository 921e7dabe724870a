/**
 * What runs in Redis. A batch goes in by two scripts, one behind the other:
 *
 *   PREPARE  looks whether it is the next one, works out what each name of it will have, and notes that: one write
 *   FINISH   writes what is noted: names, what is cut, when keys expire, the position; takes the note away
 *
 * Each write of FINISH sets what is to be, and adds to nothing; until it is done nothing else is prepared, and whoever finds
 * a note finishes it. So it may be carried out again, and in parts, at any time, and the sums are right.
 *
 * That is needed. A script that writes more than once is a transaction in the append-only file, and where Redis is killed while it
 * writes that, it cuts the file behind the last whole command, not before the transaction (7.0.15, tried): after the next
 * start the beginning of that transaction is carried out with the one behind it. Of a script that adds, a part would count twice.
 * The one behind it is the same again, here, as nothing else may be written before.
 */

/** Where another batch is noted. */
const PENDING = `
if had[4] and had[4] ~= '' then
  local given = {'pending', had[1] or '', KEYS[1]}
  for _, group in ipairs(cmsgpack.unpack(had[4])[4]) do
    given[#given + 1] = group[1]
    given[#given + 1] = group[2]
  end
  return given
end
`;

/**
 *   KEYS  1 positions, then per window key: the key, its key of what was cut
 *   ARGV  1 `<topic>/<partition>`  2 topic id, '' when unknown  3 claim  4 position that the batch goes on from, '' for none
 *         5 position behind it, then per window key: sum | max | min, expires at (s), cap, count, and so often: name, value
 *
 * Gives [what, position]:
 *   prepared  FINISH is to follow
 *   ok        it is in: it had no window
 *   done      it was in already
 *   at        the position is another one: the reader goes on from there (overlap, gap, Redis went back)
 *   fenced    somebody claimed the partition later
 *   claim     the topic is another one than at the last claim: to be claimed again
 *   type      a key holds something else; the second value is the key
 *   pending   another batch is prepared, and to be finished first; behind the position are its keys
 */
export const PREPARE = `
local field = ARGV[1]
local had = redis.call('HMGET', KEYS[1], field, 'epoch:' .. field, 'topic:' .. field, 'pending')
local at = had[1] or ''
${PENDING}
if tonumber(ARGV[3]) < tonumber(had[2] or '0') then return {'fenced', at} end
if ARGV[2] ~= '' and had[3] ~= ARGV[2] then return {'claim', at} end
if at ~= ARGV[4] then
  if at ~= '' and tonumber(at) >= tonumber(ARGV[5]) then return {'done', at} end
  return {'at', at}
end
if #KEYS == 1 then
  redis.call('HSET', KEYS[1], field, ARGV[5], 'epoch:' .. field, ARGV[3])
  return {'ok', ARGV[5]}
end
for k = 2, #KEYS do
  local kind = redis.call('TYPE', KEYS[k])['ok']
  if kind ~= 'none' and kind ~= (k % 2 == 0 and 'zset' or 'string') then return {'type', KEYS[k]} end
end
local i, groups = 6, {}
for k = 2, #KEYS, 2 do
  local op, n, pairs = ARGV[i], tonumber(ARGV[i + 3]), {}
  local names = {}
  for x = 1, n do names[x] = ARGV[i + 2 + 2 * x] end
  local scores = redis.call('ZMSCORE', KEYS[k], unpack(names))
  for x = 1, n do
    local value, before = tonumber(ARGV[i + 3 + 2 * x]), tonumber(scores[x] or nil)
    if before then
      if op == 'sum' then value = before + value
      elseif op == 'max' then value = math.max(before, value)
      else value = math.min(before, value) end
    end
    pairs[2 * x - 1] = string.format('%.17g', value)
    pairs[2 * x] = names[x]
  end
  groups[#groups + 1] = {KEYS[k], KEYS[k + 1], op, ARGV[i + 1], ARGV[i + 2], pairs}
  i = i + 4 + 2 * n
end
redis.call('HSET', KEYS[1], 'pending', cmsgpack.pack({field, ARGV[5], ARGV[3], groups}))
return {'prepared', at}
`;

/**
 *   KEYS  1 positions, then the keys of what is prepared
 *
 * Gives ['ok', position, names cut]; ['none'] where nothing is prepared.
 */
export const FINISH = `
local noted = redis.call('HGET', KEYS[1], 'pending')
if not noted or noted == '' then return {'none'} end
local field, position, claim, groups = unpack(cmsgpack.unpack(noted))
local cut = 0
for _, group in ipairs(groups) do
  local key, cutKey, op, expires, cap, pairs = unpack(group)
  cap = tonumber(cap)
  redis.call('ZADD', key, unpack(pairs))
  local over = redis.call('ZCARD', key) - cap
  if over > cap / 4 then
    local gone = op == 'min' and redis.call('ZRANGE', key, -over, -1) or redis.call('ZRANGE', key, 0, over - 1)
    for from = 1, #gone, 4000 do redis.call('ZREM', key, unpack(gone, from, math.min(from + 3999, #gone))) end
    redis.call('SET', cutKey, tonumber(redis.call('GET', cutKey) or '0') + over)
    redis.call('EXPIREAT', cutKey, expires)
    cut = cut + over
  end
  redis.call('EXPIREAT', key, expires)
end
local epoch = redis.call('HGET', KEYS[1], 'epoch:' .. field) or '0'
if tonumber(claim) > tonumber(epoch) then epoch = claim end
redis.call('HSET', KEYS[1], field, position, 'epoch:' .. field, epoch, 'pending', '')
return {'ok', position, cut}
`;

/**
 * Makes a partition the caller's: batches of whoever claimed it before are refused from now on. One write.
 *
 *   KEYS  1 positions
 *   ARGV  1 `<topic>/<partition>`  2 topic id, '' when unknown
 *
 * Gives [claim, position or '', 1 if the topic was made anew]; or ['pending', ...] as PREPARE.
 */
export const CLAIM = `
local field, id, anew = ARGV[1], ARGV[2], 0
local had = redis.call('HMGET', KEYS[1], field, 'epoch:' .. field, 'topic:' .. field, 'pending')
${PENDING}
local at, known, claim = had[1] or '', had[3] or '', tonumber(had[2] or '0') + 1
if id == '' then id = known
elseif known ~= '' and known ~= id then
  at = ''
  anew = 1
end
redis.call('HSET', KEYS[1], field, at, 'epoch:' .. field, claim, 'topic:' .. field, id)
return {claim, at, anew}
`;
