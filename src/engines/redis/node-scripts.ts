import { COMMON } from './common-script.js'
import { scriptOf } from './scripts.js'

// `{name}:nodes` (set) has the nodes' names; each has `{name}:n:<node>` (hash: what it has taken, by key, and '' so that it isn't empty) and
// `{name}:note:<node>`. Both expire unless the node says that it lives; what another node finds expired counts no more.
// All of it is small, and some of it protects: it is done while memory is full (allow-oom).
const PREFIX = String.raw`#!lua flags=allow-oom
local call = redis.call
local P = string.sub(KEYS[1], 1, -5)
local NODES = P .. 'nodes'
`

/** ARGV: the lease; the node; keys and how many it has of each. Says all that this node holds, instead of what was said before. */
export const STATE = scriptOf(`${PREFIX}
local me = P .. 'n:' .. ARGV[2]
call('DEL', me)
call('HSET', me, '', '')
for i = 3, #ARGV, 2 do
  call('HSET', me, ARGV[i], ARGV[i + 1])
end
call('PEXPIRE', me, ARGV[1])
call('SADD', NODES, ARGV[2])
return 1
`)

/** ARGV: the leases of counts and note; the node; its note. Answers 0 when what it holds has expired. */
export const BEAT = scriptOf(`${PREFIX}
if ARGV[4] ~= '' then
  call('SET', P .. 'note:' .. ARGV[3], ARGV[4], 'PX', ARGV[2])
end
call('SADD', NODES, ARGV[3])
return call('PEXPIRE', P .. 'n:' .. ARGV[3], ARGV[1])
`)

/** ARGV: the node; keys and limits. Answers the index of the first that is full, -1 when all were taken, -2 when the node has expired. */
export const TAKE = scriptOf(`${PREFIX}
local me = P .. 'n:' .. ARGV[1]
if call('EXISTS', me) == 0 then
  return -2
end
local nodes = {}
for _, node in ipairs(call('SMEMBERS', NODES)) do
  if call('EXISTS', P .. 'n:' .. node, P .. 'note:' .. node) == 0 then
    call('SREM', NODES, node)
  else
    nodes[#nodes + 1] = P .. 'n:' .. node
  end
end
local more = {}
for i = 2, #ARGV, 2 do
  local key, limit = ARGV[i], tonumber(ARGV[i + 1])
  local total = more[key] or 0
  for _, node in ipairs(nodes) do
    total = total + tonumber(call('HGET', node, key) or 0)
  end
  if total >= limit then
    return (i - 2) / 2
  end
  more[key] = (more[key] or 0) + 1
end
for key, n in pairs(more) do
  call('HINCRBY', me, key, n)
end
return -1
`)

/** ARGV: the node; keys. Answers 0 when the node has expired. */
export const GIVE = scriptOf(`${PREFIX}
local me = P .. 'n:' .. ARGV[1]
if call('EXISTS', me) == 0 then
  return 0
end
for i = 2, #ARGV do
  if call('HINCRBY', me, ARGV[i], -1) <= 0 then
    call('HDEL', me, ARGV[i])
  end
end
return 1
`)

/** ARGV: the key. Answers how many of it there were in the running second. */
export const PASS = scriptOf(`${PREFIX}
local key = P .. 'r:' .. call('TIME')[1] .. ' ' .. ARGV[1]
local n = call('INCR', key)
if n == 1 then
  call('PEXPIRE', key, 2000)
end
return n
`)

/** ARGV: the node that asks. Answers the notes of the others. */
export const NOTES = scriptOf(`${PREFIX}
local notes = {}
for _, node in ipairs(call('SMEMBERS', NODES)) do
  local note = node ~= ARGV[1] and call('GET', P .. 'note:' .. node)
  if note then
    notes[#notes + 1] = note
  end
end
return notes
`)

/** ARGV: the node. */
export const LEAVE = scriptOf(`${PREFIX}
call('UNLINK', P .. 'n:' .. ARGV[1], P .. 'note:' .. ARGV[1])
call('SREM', NODES, ARGV[1])
return 1
`)

/**
 * ARGV: as of all that look at the store, then the message. `{name}:control` (stream) has those of 10 minutes, numbered one
 * after the other: by time they would stand still when the clock is set back.
 */
export const TELL = scriptOf(String.raw`#!lua flags=allow-oom
${COMMON}
enter(ARGV[1], ARGV[2], tonumber(ARGV[3]))
local control = P .. 'control'
local n = f(call('HINCRBY', META, 'control', 1))
call('XADD', control, 'MAXLEN', '~', '100000', n .. '-0', 'at', f(now), 'm', ARGV[4])
call('PEXPIRE', control, '660000')
for _, entry in ipairs(call('XRANGE', control, '-', '+', 'COUNT', 16)) do
  if now - tonumber(entry[2][2]) > 600000 then
    call('XDEL', control, entry[1])
  end
end
call('PUBLISH', P .. 'h', 'control')
return n
`)

/** ARGV: the number of the last message that was heard; nothing for none. Answers the number of the last one, and those after it. */
export const HEAR = scriptOf(String.raw`#!lua flags=allow-oom
${COMMON}
local last = call('HGET', META, 'control') or '0'
if ARGV[1] == '' then
  return { last }
end
local messages = { ARGV[1] }
for _, entry in ipairs(call('XRANGE', P .. 'control', '(' .. ARGV[1], '+', 'COUNT', 1000)) do
  messages[1] = f(first_of(entry[1]))
  if now - tonumber(entry[2][2]) <= 600000 then
    messages[#messages + 1] = entry[2][4]
  end
end
return messages
`)

export const NODE_SCRIPTS = [STATE, BEAT, TAKE, GIVE, PASS, NOTES, LEAVE, TELL, HEAR]
