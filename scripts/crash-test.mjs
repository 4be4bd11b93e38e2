// Kills the standalone server again and again, and counts what got lost: node scripts/crash-test.mjs [--rounds 50] [--gap-rounds 5] [--clients 20]
// The package must be built.
import { parseArgs } from 'node:util'
import { crash } from './lib/crash.mjs'

// Ended from outside, it still ends the server it has started.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    'gap-rounds': { type: 'string', default: '5' },
    clients: { type: 'string', default: '20' },
  },
})
const begun = performance.now()
const summary = await crash({
  rounds: Number(values.rounds),
  gapRounds: Number(values['gap-rounds']),
  clients: Number(values.clients),
  onRound: ({ round, summary: { acknowledged, delivered, gaps } }) =>
    console.log(`round ${round}: ${acknowledged} acknowledged, ${delivered} delivered, ${gaps} gaps`),
})
console.log(summary)
console.log(`✓ nothing acknowledged was lost, doubled or out of order, in ${((performance.now() - begun) / 1000).toFixed(0)} s`)
