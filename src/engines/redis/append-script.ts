import { COMMON } from './common-script.js'

/** Arguments before those of the items, and of each item. */
const APPEND_HEAD = 5
const APPEND_EACH = 8

/**
 * Stores a batch: ARGV is a name for a new epoch, the epoch and the highest `seq` that this node knows, for how long a topic without items
 * and a key are remembered; then for each item: topic, event type (after a space, or nothing), data, size, age and bytes of its history
 * (nothing: any), idempotency key, hash of the fields. Answers the epoch, then for each item `<seq> <prev>`, or `conflict`.
 *
 * Redis doesn't undo what a script did before it failed. So everything is decided first, and the first write takes the numbers: what fails
 * afterwards leaves a hole, never a number that is given twice. Memory that is full is refused before anything (no `allow-oom`).
 */
export const APPEND = `#!lua
${COMMON}
local epoch, head, floor = enter(ARGV[1], ARGV[2], tonumber(ARGV[3]))
local forget, window = tonumber(ARGV[4]), ARGV[5]
local answers, fresh, keys = { epoch }, {}, {}
local seq = head
for i = ${APPEND_HEAD + 1}, #ARGV, ${APPEND_EACH} do
  local n = #answers + 1
  local key = ARGV[i + 6]
  local known = false
  if key ~= '' then
    key = P .. 'i:' .. ARGV[i] .. ' ' .. key
    known = keys[key] or call('GET', key)
    -- What it stands for is gone with its epoch.
    known = known and string.match(known, '^(%S+ .*) ' .. epoch .. '$')
  end
  if known then
    local hash, position = string.match(known, '^(%S+) (.*)$')
    answers[n] = hash == ARGV[i + 7] and position or 'conflict'
  else
    seq = seq + 1
    -- Its prev is known when it is stored; who repeats it in this very batch is answered then.
    if key ~= '' then
      keys[key] = ARGV[i + 7] .. ' ' .. f(seq) .. ' ' .. epoch
    end
    answers[n] = f(seq)
    fresh[#fresh + 1] = { i, seq, key }
  end
end
if #fresh == 0 then
  return answers
end
call('HSET', META, 'seq', f(seq), 'at', f(now))

local touched, prevs, hint = {}, {}, { 'new ' .. epoch }
for _, item in ipairs(fresh) do
  local i, seq, key = item[1], item[2], item[3]
  local topic, data, size, age, bytes = ARGV[i], ARGV[i + 2], tonumber(ARGV[i + 3]), tonumber(ARGV[i + 4]), tonumber(ARGV[i + 5])
  local stream = P .. 't:' .. topic
  local r = touched[topic] or load(topic)
  if not r then
    -- One that was forgotten and is born again must not look as if it had had no items.
    r = { head = floor, trimmed = floor, dropped = 0, due = 0, count = 0, bytes = 0, first = now, age = -1, at = now }
    call('UNLINK', stream)
  elseif not touched[topic] and r.count > 0 and call('XLEN', stream) ~= r.count then
    lost(r)
    call('UNLINK', stream)
  end
  touched[topic] = r
  -- What is too old must not come back because the new age is longer.
  if r.count > 0 and r.age >= 0 and (not age or age > r.age) then
    trim(topic, r, math.huge, r.age, math.huge, math.huge)
  end
  size, bytes, r.age = size or math.huge, bytes or math.huge, age or -1
  local prev = r.head
  local h = '1 ' .. f(prev) .. ' ' .. f(now) .. ARGV[i + 1]
  if size < 1 or #data > bytes then
    if r.count > 0 then
      call('UNLINK', stream)
    end
    r.count, r.bytes, r.trimmed = 0, 0, seq
  else
    call('XADD', stream, f(seq) .. '-0', 'h', h, 'd', data)
    if r.count == 0 then
      r.first = now
    end
    r.count, r.bytes = r.count + 1, r.bytes + #data
    -- In portions where a sixteenth more is no matter: one by one it costs as much as storing.
    if r.count > size + math.min(64, math.floor(size / 16)) or r.bytes > bytes or (r.age >= 0 and r.first < now - r.age) then
      trim(topic, r, size, r.age, bytes, 128)
    end
  end
  r.head, r.at = seq, now
  prevs[f(seq)] = prev
  call('XADD', LOG, 'MAXLEN', '~', '262144', f(seq) .. '-0', 't', topic)
  if key ~= '' then
    call('SET', key, ARGV[i + 7] .. ' ' .. f(seq) .. ' ' .. f(prev) .. ' ' .. epoch, 'PX', window)
  end
  call('PUBLISH', P .. 'c:' .. topic, epoch .. ' ' .. f(seq) .. ' ' .. topic .. ' ' .. h .. '\\n' .. data)
  hint[#hint + 1] = f(seq) .. ' ' .. f(prev) .. ' ' .. topic
end
local heads = {}
for topic, r in pairs(touched) do
  save(topic, r, forget, false)
  heads[#heads + 1] = f(r.head)
  heads[#heads + 1] = topic
end
call('ZADD', HEADS, unpack(heads))
for n = 2, #answers do
  local prev = prevs[answers[n]]
  if prev then
    answers[n] = answers[n] .. ' ' .. f(prev)
  end
end
-- Only where somebody listens is it sent: a node gets the whole of what it follows, and of the rest these few bytes.
call('PUBLISH', P .. 'h', table.concat(hint, '\\n'))
sweep(floor, forget, 8)
return answers
`
