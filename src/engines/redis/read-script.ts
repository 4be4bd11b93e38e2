import { COMMON } from './common-script.js'

/** Arguments before the names and patterns. */
const READ_HEAD = 10

/**
 * One page: ARGV is a name for a new epoch, the epoch and the highest `seq` that this node knows, for how long a topic without items is
 * remembered; `after`, `upTo` (nothing: the head), `limit`, `bytes`, how many of the rest are names, which topics (nothing: all); the
 * names, then Lua patterns (the empty one: all). Answers epoch, head, through, trimmed, which topics come next (nothing: that was all),
 * then for each item its `seq`, topic, `h` and `d`.
 *
 * Where very many topics have to be looked at one by one, the page is only of some of them: those whose newest item is the oldest above
 * the number that says which. Who reads asks for the next ones from the number that was answered; a topic that gets an item meanwhile is
 * among those to come. What the page has is then what all of them have.
 *
 * It does what an append would have to do for topics that get none: drops what is too old. So it is allowed while memory is full.
 */
export const READ = String.raw`#!lua flags=allow-oom
${COMMON}
-- So many topics are merged at once; with more, the log is read first, so many entries of it. What is left is merged if it is not too much;
-- else the page ends there.
local FEW, SCAN, MANY, TOO_MANY = 64, 4096, 512, 20000
-- And so many topics at most are looked at, and so many of them merged, where the log doesn't reach back so far.
local LOOK, SOME = 20000, 2000
local epoch, head, floor = enter(ARGV[1], ARGV[2], tonumber(ARGV[3]))
local forget, after, upTo = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local limit, bytes, last = tonumber(ARGV[7]), tonumber(ARGV[8]), ${READ_HEAD} + tonumber(ARGV[9])
local part, old = string.match(ARGV[10], '^(%d+) (%d+)$')
part = tonumber(part)
local stop = math.min(upTo or head, head)
local trimmed = 0
floor = sweep(floor, forget, 100)

-- A cursor inside a fence has missed something; a page that begins before one ends there, so that nobody's cursor is skipped over.
for _, fence in ipairs(call('ZRANGEBYSCORE', FENCE, f(after), '+inf')) do
  local at, to = string.match(fence, '^(%d+) (%d+)$')
  at, to = tonumber(at), tonumber(to)
  if after > at and after <= to then
    trimmed = math.max(trimmed, to)
  elseif after < at then
    stop = math.min(stop, at)
    break
  end
end

-- What was said of all topics with the first part still holds, but for those that are looked at now.
local isRest = part and tonumber(old) == floor

local names, wanted, isAll = {}, {}, false
for i = ${READ_HEAD + 1}, last do
  names[ARGV[i]] = true
end
for i = isRest and last + 1 or ${READ_HEAD + 1}, last, 500 do
  local some = { unpack(ARGV, i, math.min(i + 499, last)) }
  for n, v in ipairs(call('HMGET', TOPICS, unpack(some))) do
    local topic = some[n]
    if v then
      local newest, dropped, due = struct.unpack('>ddd', v)
      if due > 0 and due <= now then
        local r = load(topic)
        trim(topic, r, math.huge, r.age, math.huge, math.huge)
        save(topic, r, forget, true)
        dropped = r.trimmed
      end
      trimmed = math.max(trimmed, dropped)
      if newest > math.max(after, dropped) then
        wanted[#wanted + 1] = topic
      end
    else
      trimmed = math.max(trimmed, floor)
    end
  end
end

local matches = {}
local function is_selected(topic)
  if isAll or names[topic] then
    return true
  end
  local found = matches[topic]
  if found == nil then
    found = false
    for i = last + 1, #ARGV do
      if string.find(topic, ARGV[i]) then
        found = true
        break
      end
    end
    matches[topic] = found
  end
  return found
end

local hasPatterns = #ARGV > last
if hasPatterns then
  trimmed = math.max(trimmed, floor)
  for i = last + 1, #ARGV do
    isAll = isAll or ARGV[i] == ''
  end
  -- From the highest on. What was dropped up to 'after' matters to nobody who has read so far: of that only the beginning is looked at.
  local from, more, some = 0, 1000, nil
  while more > 0 and not isRest and (not some or #some == 1000) do
    some = call('ZREVRANGE', DROPS, from, from + 499, 'WITHSCORES')
    for n = 1, #some, 2 do
      local dropped = tonumber(some[n + 1])
      if dropped <= trimmed then
        more = 0
        break
      elseif some[n] ~= '' and is_selected(some[n]) then
        trimmed = dropped
        more = 0
        break
      elseif dropped <= after then
        more = more - 1
      end
    end
    from = from + 500
  end
end

local function matching(from)
  local found = {}
  if hasPatterns then
    for _, topic in ipairs(call('ZRANGEBYSCORE', HEADS, '(' .. f(from), '+inf')) do
      if is_selected(topic) then
        found[#found + 1] = topic
      end
    end
    return found
  end
  return wanted
end

-- Some of the selected topics, and where the next ones begin.
local function some_of(from)
  local found, looked, at = {}, 0, from
  while true do
    local some = call('ZRANGEBYSCORE', HEADS, '(' .. f(at), '+inf', 'WITHSCORES', 'LIMIT', 0, 1000)
    for n = 1, #some, 2 do
      at = tonumber(some[n + 1])
      if is_selected(some[n]) then
        found[#found + 1] = some[n]
      end
    end
    looked = looked + #some / 2
    if #some < 2000 then
      return found, ''
    elseif #found >= SOME or looked >= LOOK then
      return found, f(at) .. ' ' .. f(floor)
    end
  end
end

local page = { epoch, f(head), '', '', '' }
local count, size, full, through = 0, 0, false, math.min(after, stop)
-- Whether there is room for it.
local function add(seq, topic, entry)
  local data = entry[2][4]
  if count >= limit or (count > 0 and size + #data > bytes) then
    full = true
    return false
  end
  count, size, through = count + 1, size + #data, seq
  local n = #page
  page[n + 1], page[n + 2], page[n + 3], page[n + 4] = f(seq), topic, entry[2][2], data
  return true
end

-- An item that should be there and isn't: evicted.
local function missing(topic, seq)
  local r = load(topic)
  if not r or seq <= r.trimmed then
    return
  end
  if r.count > 0 and call('EXISTS', P .. 't:' .. topic) == 0 then
    lost(r)
    save(topic, r, forget, true)
    seq = r.trimmed
  end
  trimmed = math.max(trimmed, seq)
end

-- The topics side by side, their next items in a heap.
local function merge(topics, from)
  local each = math.max(2, math.min(200, math.ceil(limit / math.max(1, #topics)) + 1))
  local lanes = {}
  local function fill(lane)
    local some = each
    if lane.size then
      some = math.max(1, math.min(each, math.floor(bytes / math.max(1, lane.size))))
    end
    lane.entries = call('XRANGE', P .. 't:' .. lane.topic, '(' .. f(lane.seq), '+', 'COUNT', lane.size and some or 1)
    lane.n = 1
    local entry = lane.entries[1]
    if not entry then
      return false
    end
    lane.size = #entry[2][4]
    lane.seq = first_of(entry[1])
    return true
  end
  local function sink(at)
    local lane = lanes[at]
    while true do
      local child = 2 * at
      if child > #lanes then
        break
      end
      if child < #lanes and lanes[child + 1].seq < lanes[child].seq then
        child = child + 1
      end
      if lanes[child].seq >= lane.seq then
        break
      end
      lanes[at] = lanes[child]
      at = child
    end
    lanes[at] = lane
  end
  for _, topic in ipairs(topics) do
    local lane = { topic = topic, seq = from }
    if fill(lane) then
      local prev = tonumber(string.match(lane.entries[1][2][2], '^%d+ (%d+)'))
      if prev > from then
        missing(topic, prev)
      end
      lanes[#lanes + 1] = lane
    else
      local newest = tonumber(call('ZSCORE', HEADS, topic))
      if newest > from and newest <= stop then
        missing(topic, newest)
      end
    end
  end
  for at = math.floor(#lanes / 2), 1, -1 do
    sink(at)
  end
  while #lanes > 0 do
    local lane = lanes[1]
    if lane.seq > stop or not add(lane.seq, lane.topic, lane.entries[lane.n]) then
      return
    end
    lane.n = lane.n + 1
    local entry = lane.entries[lane.n]
    local isThere = entry ~= nil
    if isThere then
      lane.seq = first_of(entry[1])
    else
      isThere = fill(lane)
    end
    if not isThere then
      lanes[1] = lanes[#lanes]
      lanes[#lanes] = nil
    end
    if #lanes > 0 then
      sink(1)
    end
  end
end

-- Along the log of all topics, if it reaches back so far. Answers up to where.
local function scan()
  local oldest = call('XRANGE', LOG, '-', '+', 'COUNT', 1)[1]
  if not oldest or first_of(oldest[1]) > after + 1 then
    return after
  end
  local at, left = after, SCAN
  while left > 0 do
    local entries = call('XRANGE', LOG, '(' .. f(at), f(stop), 'COUNT', 256)
    for _, entry in ipairs(entries) do
      local seq, topic = first_of(entry[1]), entry[2][2]
      if is_selected(topic) then
        local item = call('XRANGE', P .. 't:' .. topic, entry[1], entry[1])[1]
        if not item then
          missing(topic, seq)
        elseif not add(seq, topic, item) then
          return seq
        end
      end
      at = seq
    end
    if #entries < 256 then
      return stop
    end
    left = left - #entries
  end
  return at
end

if stop > after then
  local many = hasPatterns and call('ZCOUNT', HEADS, '(' .. f(after), '+inf') + #wanted or #wanted
  local from = after
  if many > FEW and not part then
    from = scan()
  end
  if part or (from == after and many > SOME) then
    local topics
    topics, page[5] = some_of(math.max(after, part or 0))
    for _, topic in ipairs(isRest and topics or {}) do
      local r = load(topic)
      if r.due > 0 and r.due <= now then
        trim(topic, r, math.huge, r.age, math.huge, math.huge)
        save(topic, r, forget, true)
      end
      trimmed = math.max(trimmed, r.trimmed)
    end
    merge(topics, after)
  elseif not full and from < stop then
    local topics = nil
    -- Only a page that has come some way may end.
    if from == after or call('ZCOUNT', HEADS, '(' .. f(from), '+inf') <= TOO_MANY then
      topics = matching(from)
    end
    if from == after or (topics and #topics <= MANY) then
      merge(topics, from)
    else
      stop = from
    end
  end
end
if not full then
  through = stop
elseif count == 0 then
  through = math.min(after, stop)
end
page[3], page[4] = f(through), f(trimmed)
return page
`
