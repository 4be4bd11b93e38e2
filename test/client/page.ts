// What a page of the misbehaving server loads: the cases, to be run from outside.
import { connect, EventSource } from '../../src/client/index.js'
import { casesOf, run } from './runner.js'

const server = { runtime: 'chromium' as const, url: location.origin, other: new URLSearchParams(location.search).get('other') ?? '' }

Object.assign(window, {
  names: () => casesOf('chromium').map(({ name }) => name),
  run: (name: string) => {
    const one = casesOf('chromium').find((one) => one.name === name)
    if (!one) throw new Error(`no case is called ${name}`)
    return run(one, server)
  },
  client: { connect, EventSource },
})
