// npm ci && npm run build, and with Bun: bun examples/fetch.ts, with Deno: deno serve --port 3000 examples/fetch.ts; then: curl -N http://localhost:3000/
import { sse } from 'server-sent'

async function* ticks() {
  for (let tick = 1; ; tick++) {
    yield { tick }
    await new Promise((resolve) => setTimeout(resolve, 1000))
  }
}

// oxlint-disable-next-line import/no-default-export -- Bun, Deno and Workers look for it
export default {
  fetch: () => sse(ticks()),
}
