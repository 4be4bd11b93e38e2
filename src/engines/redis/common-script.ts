/**
 * What all scripts begin with. One hub's keys, all in one slot of a cluster because of the braces:
 *
 * - `{name}:meta` (hash): `format`, `epoch`, `seq` (the head), `floor`, `at` (when the head moved), `who` (see `enter`), `control`.
 * - `{name}:topics` (hash): a record for each known topic.
 * - `{name}:heads`, `{name}:drops` (sorted sets): the topics by the `seq` of their newest item, and of the newest that was dropped.
 * - `{name}:due` (sorted set): the topics by the time at which something in them has to be dropped, or they themselves.
 * - `{name}:fence` (sorted set): what may have been lost, see `enter`.
 * - `{name}:log` (stream): the topics of the newest items, in the order of all.
 * - `{name}:t:<topic>` (streams): the items themselves, `<seq>-0`, with `h` (version, `prev`, time, event type) and `d` (the data).
 * - `{name}:i:<topic> <key>`: what an idempotency key stands for.
 *
 * Those that every append changes hold an entry for the empty name from the beginning, so that they can't be empty: one that is missing
 * was evicted or deleted.
 *
 * Numbers are written by `%.0f`: Lua's own way has 14 digits.
 */
export const COMMON = String.raw`
local call = redis.call
local P = string.sub(KEYS[1], 1, -5)
local META, TOPICS, HEADS, DROPS, DUE, FENCE, LOG = KEYS[1], P .. 'topics', P .. 'heads', P .. 'drops', P .. 'due', P .. 'fence', P .. 'log'
local time = call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

local function f(n)
  return string.format('%.0f', n)
end

local function first_of(id)
  return tonumber(string.match(id, '^%d+'))
end

-- The store that this is: epoch, head, floor.
--
-- An epoch begins when the store is empty, or one of the keys that hold it together is gone (evicted, deleted): what is left can't be
-- trusted, and old topics are cleared when they are met.
--
-- Otherwise the question is whether the newest items may have been lost. They can't while this is the very process that has written last
-- (run_id), with the history of replication that it had (master_replid changes when a replica is promoted), and no node has seen a higher
-- number. In every other case -- restart, failover, backup -- nothing here can tell for sure that all was kept: the log of writes may
-- lag behind by a second, a replica by more. So then seq jumps, and the numbers in between are a fence: (at, to]. A cursor inside it was
-- given for an item that is gone, and gets a gap; all others are none the wiser. Where everything was kept no cursor is inside: a restart
-- costs numbers, never a gap.
--
-- The jump is longer than what can have been published since the last item that is left, be it a backup of yesterday: 2^20, and 128 for
-- each millisecond.
local function enter(fresh, known, seen)
  local info = call('INFO', 'server', 'replication')
  if not string.find(info, 'role:master', 1, true) then
    return error({ err = 'READONLY This is a replica: the hub needs the master' })
  end
  local who = string.match(info, 'run_id:(%w+)') .. string.match(info, 'master_replid:(%w+)')
  if call('EXISTS', META, TOPICS, HEADS, DROPS, DUE, FENCE) < 6 then
    call('UNLINK', META, TOPICS, HEADS, DROPS, DUE, FENCE, LOG, P .. 'control')
    call('HSET', META, 'format', '1', 'epoch', fresh, 'seq', '0', 'floor', '0', 'at', f(now), 'who', who, 'control', '0')
    call('HSET', TOPICS, '', '')
    call('ZADD', HEADS, '-1', '')
    call('ZADD', DROPS, '-1', '')
    call('ZADD', DUE, '+inf', '')
    call('ZADD', FENCE, '-1', '')
    call('PUBLISH', P .. 'h', 'look')
    return fresh, 0, 0
  end
  local meta = call('HMGET', META, 'epoch', 'seq', 'floor', 'at', 'who', 'control')
  local epoch, seq, floor = meta[1], tonumber(meta[2]), tonumber(meta[3])
  if epoch ~= known then
    seen = 0
  end
  if meta[5] ~= who or seen > seq then
    local at = seq
    seq = math.max(seq, seen) + 1048576 + 128 * math.max(0, now - tonumber(meta[4]))
    call('ZADD', FENCE, f(seq - 1), f(at) .. ' ' .. f(seq - 1))
    -- The oldest two become one, which is on the safe side.
    if call('ZCARD', FENCE) > 101 then
      local old = call('ZRANGE', FENCE, 1, 2)
      local from, to = string.match(old[1], '^%d+'), string.match(old[2], '%d+$')
      call('ZREM', FENCE, old[1], old[2])
      call('ZADD', FENCE, to, from .. ' ' .. to)
    end
    call('HSET', META, 'seq', f(seq), 'at', f(now), 'who', who, 'control', f(tonumber(meta[6]) + 1048576))
    call('PUBLISH', P .. 'h', 'look')
  end
  return epoch, seq, floor
end

-- A topic's record: 'age' is -1 for any; 'due' is its score in that set, or 0. 'first' is when its oldest item was stored, or earlier:
-- where it matters the item itself is asked.
local function load(topic)
  local v = call('HGET', TOPICS, topic)
  if not v then
    return nil
  end
  local r = {}
  r.head, r.trimmed, r.due, r.count, r.bytes, r.first, r.age, r.at = struct.unpack('>dddddddd', v)
  r.dropped = r.trimmed
  return r
end

local function due_of(r, forget)
  if r.count == 0 then
    return r.at + forget
  end
  return r.age >= 0 and r.first + r.age + 1 or 0
end

local function save(topic, r, forget, isExact)
  local due = due_of(r, forget)
  if isExact and due == 0 and r.due > 0 then
    call('ZREM', DUE, topic)
    r.due = 0
  elseif due > 0 and (r.due == 0 or due < r.due or (isExact and due ~= r.due)) then
    call('ZADD', DUE, f(due), topic)
    r.due = due
  end
  if r.trimmed ~= r.dropped then
    call('ZADD', DROPS, f(r.trimmed), topic)
    r.dropped = r.trimmed
  end
  call('HSET', TOPICS, topic, struct.pack('>dddddddd', r.head, r.trimmed, r.due, r.count, r.bytes, r.first, r.age, r.at))
end

-- Its stream is gone, which only an eviction does.
local function lost(r)
  r.count, r.bytes, r.trimmed = 0, 0, r.head
end

-- Drops a topic's oldest items, at most so many.
local function trim(topic, r, size, age, bytes, most)
  local key = P .. 't:' .. topic
  local last, some, isDone = 0, 1, false
  while not isDone and most > 0 and r.count > 0 and (r.count > size or r.bytes > bytes or (age >= 0 and r.first < now - age)) do
    some = math.min(most, 100, math.max(some, r.count - size))
    local entries = call('XRANGE', key, last == 0 and '-' or '(' .. f(last), '+', 'COUNT', some)
    if #entries == 0 then
      lost(r)
      break
    end
    for _, entry in ipairs(entries) do
      r.first = tonumber(string.match(entry[2][2], '^%d+ %d+ (%d+)'))
      if not (r.count > size or r.bytes > bytes or (age >= 0 and r.first < now - age)) then
        isDone = true
        break
      end
      r.count = r.count - 1
      r.bytes = r.bytes - #entry[2][4]
      last = first_of(entry[1])
      r.trimmed = last
      most = most - 1
    end
    some = 2 * some
  end
  if r.count == 0 then
    call('UNLINK', key)
  elseif last > 0 then
    call('XTRIM', key, 'MINID', f(last + 1))
  end
end

-- What has to be dropped by now. Answers the floor, which is higher when a topic was forgotten.
local function sweep(floor, forget, most)
  for _, topic in ipairs(call('ZRANGEBYSCORE', DUE, '-inf', f(now), 'LIMIT', 0, most)) do
    local r = load(topic)
    if r then
      trim(topic, r, math.huge, r.age, math.huge, 1000)
    end
    if not r then
      call('ZREM', DUE, topic)
    elseif r.count == 0 and r.at + forget <= now then
      floor = math.max(floor, r.head)
      call('HSET', META, 'floor', f(floor))
      call('HDEL', TOPICS, topic)
      call('ZREM', HEADS, topic)
      call('ZREM', DROPS, topic)
      call('ZREM', DUE, topic)
      call('UNLINK', P .. 't:' .. topic)
    else
      save(topic, r, forget, true)
    end
  end
  return floor
end
`
