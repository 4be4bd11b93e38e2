import { check, put, read, rejects, same, until, type Bench } from './bench.js'

export const lifeRules = [
  {
    name: 'life: the epoch is letters and digits, and `opened` says what open() says',
    async run({ engine, epoch, head }: Bench) {
      check(
        /^[0-9A-Za-z]+$/.test(epoch),
        `an epoch is letters and digits, since the ids on the wire are made of it: ${JSON.stringify(epoch)}`,
      )
      check(Number.isSafeInteger(head) && head >= 0, `\`head\` is a whole number: ${String(head)}`)
      if (engine.opened) same([engine.opened.epoch, engine.opened.head], [epoch, head], '`opened` of an engine that has it')
      same((await read(engine, 'a')).epoch, epoch, 'the epoch of a page')
    },
  },
  {
    name: 'life: close() is safe twice, and nothing works after it',
    async run({ engine }: Bench) {
      await put(engine, 'a', 'x')
      await Promise.all([engine.close(), engine.close()])
      await engine.close()
      await rejects(put(engine, 'a', 'y'), 'SSE_CLOSED', 'append() after close()')
      await rejects(read(engine, 'a'), 'SSE_CLOSED', 'read() after close()')
    },
  },
  {
    name: 'life: close() waits for the appends that are under way, and each of them ends',
    async run({ engine }: Bench) {
      const under = Array.from({ length: 20 }, (_, at) => put(engine, 'a', `${at}`))
      const all = Promise.allSettled(under)
      await engine.close()
      let haveEnded = false
      void all.then(() => (haveEnded = true))
      await until(() => haveEnded, 'appends that were under way at close() have resolved or rejected')
    },
  },
]
