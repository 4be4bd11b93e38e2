// Run by the check, as it is: every subpath can be required, and the names people need are there.
const assert = require('node:assert/strict')

const expected = {
  'server-sent': ['SseError', 'SseItem', 'defineEvents', 'sse', 'unchecked'],
  'server-sent/node': ['SseError', 'SseItem', 'defineEvents', 'nodeHandler', 'sendSse', 'sse', 'unchecked'],
  'server-sent/hub': ['createHub', 'pattern'],
  'server-sent/engines/memory': ['memoryEngine'],
  'server-sent/client': ['EventSource', 'connect'],
  'server-sent/protocol': ['SseDecoderStream', 'SseEncoderStream', 'createParser', 'formatComment', 'formatItem', 'parseEventStream'],
  'server-sent/testing': ['collect', 'testEngine'],
}

for (const [subpath, names] of Object.entries(expected)) {
  const exported = require(subpath)
  for (const name of names) assert.equal(typeof exported[name], 'function', `require('${subpath}') has no ${name}`)
}
assert.equal(require('server-sent').SseItem, require('server-sent/node').SseItem, 'both entries must share one SseItem')

const { formatItem, createParser } = require('server-sent/protocol')
const items = []
createParser({ onItem: (item) => items.push(item) }).feed(formatItem({ data: 'required' }))
assert.equal(items[0].data, 'required')
console.log(`${Object.keys(expected).length} subpaths required`)
