import { SignJWT, type JWTPayload } from 'jose'
import { connect } from 'server-sent/client'
import { collect } from '../helpers/collect.js'
import { describe, expect, onTestFinished, test } from 'vitest'
import { runToEnd, start, startServer, startServerWith } from '../cli/process.js'
import { when } from '../helpers/servers.js'

const SECRET = 'geheim, and of more than 32 bytes in all'

function sign(claims: JWTPayload, secret = SECRET): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret))
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
const inSeconds = (time: number): number => Math.floor(Date.now() / 1000 + time)

describe('serve with tokens', () => {
  test('lets in who has one, for what it says; nothing of tokens or secret is printed', async () => {
    const server = await startServerWith({ SERVER_SENT_JWT_SECRET: SECRET }, '--host', '0.0.0.0')
    const url = server.url.replace('0.0.0.0', '127.0.0.1')
    const token = await sign({ sub: 'ann', read: ['news', 'users/ann/**'], write: 'news', exp: inSeconds(60) })
    const ask = async (path: string, headers: Record<string, string> = {}, body?: string): Promise<Response> => {
      const response = await fetch(url + path, { headers, ...(body !== undefined && { method: 'POST', body }) })
      if (response.headers.get('content-type') === 'text/event-stream') await response.body?.cancel()
      return response
    }
    expect((await ask('/health')).status).toBe(200)
    for (const path of ['/stats', '/events?topic=news', `/events?topic=news&access_token=${token}`]) {
      const answer = await ask(path)
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer'])
    }
    expect((await ask('/topics/news', {}, 'x')).status).toBe(401)
    expect((await ask('/events?topic=news&pattern=users/ann/*', bearer(token))).status).toBe(200)
    expect((await ask('/events?topic=users/bob/1', bearer(token))).status).toBe(403)
    expect((await ask('/events?pattern=users/**', bearer(token))).status).toBe(403)
    expect((await ask('/topics/news', bearer(token), 'hello')).status).toBe(201)
    expect((await ask('/topics/users/ann/1', bearer(token), 'x')).status).toBe(403)
    const forged = await ask('/events?topic=news', bearer(await sign({ read: '**' }, 'x'.repeat(40))))
    expect([forged.status, forged.headers.get('www-authenticate')]).toEqual([401, expect.stringContaining('error="invalid_token"')])
    expect((await ask('/events?topic=news', bearer(await sign({ read: 'news', exp: 1 })))).status).toBe(401)
    expect(await collect(fetch(`${url}/events?topic=news&from=earliest`, { headers: bearer(token) }), 1)).toMatchObject([{ data: 'hello' }])
    const printed = server.stdout() + server.stderr()
    for (const secret of [SECRET, token, 'geheim']) expect(printed).not.toContain(secret)
  })

  test('a stream ends when its token does, and connect() comes back with the next', async () => {
    const { url } = await startServer('--jwt-secret', SECRET)
    let count = 0
    const stream = connect(`${url}/events?topic=a`, {
      headers: async () => {
        count++
        return bearer(await sign({ read: 'a', exp: inSeconds(6) }))
      },
      reconnect: { min: 1, max: 20 },
    })
    onTestFinished(() => stream.close())
    const seen: string[] = []
    const loop = (async () => {
      for await (const { data } of stream) seen.push(data)
    })()
    await when(() => stream.lastEventId !== '')
    const publish = async (data: string): Promise<unknown> =>
      fetch(`${url}/topics/a`, { method: 'POST', body: data, headers: bearer(await sign({ write: 'a' })) })
    await publish('one')
    await when(() => count > 1 && seen.length === 1)
    await publish('two')
    await when(() => seen.length === 2)
    expect(seen).toEqual(['one', 'two'])
    stream.close()
    await loop
  })

  test('a page of an allowed origin may come with its cookies, and no other', async () => {
    const { url } = await startServer('--jwt-secret', SECRET, '--jwt-cookie', 'token', '--cors-origin', 'https://shop.test')
    const cookie = `token=${await sign({ sub: 'ann', read: 'a', write: 'a' })}`
    const ask = async (origin: string | undefined, method: string): Promise<(string | number | null)[]> => {
      const path = method === 'GET' ? '/events?topic=a' : '/topics/a'
      const response = await fetch(url + path, {
        method,
        headers: { cookie, ...(origin !== undefined && { origin }) },
        ...(method === 'POST' && { body: 'x' }),
      })
      await response.body?.cancel()
      const { headers } = response
      return [response.status, headers.get('access-control-allow-origin'), headers.get('access-control-allow-credentials')]
    }
    expect(await ask('https://shop.test', 'GET')).toEqual([200, 'https://shop.test', 'true'])
    expect(await ask('https://shop.test', 'POST')).toEqual([201, 'https://shop.test', 'true'])
    expect(await ask('https://evil.test', 'GET')).toEqual([403, null, null])
    expect(await ask('https://evil.test', 'POST')).toEqual([403, null, null])
    expect(await ask(url, 'POST')).toEqual([201, null, null])
    expect(await ask(undefined, 'POST')).toEqual([403, null, null])
    expect(await ask(undefined, 'GET')).toEqual([200, null, null])
  })

  test('publish and tail send theirs with --header', async () => {
    const { url } = await startServer('--jwt-secret', SECRET)
    const header = ['--header', `Authorization: Bearer ${await sign({ read: 'a', write: 'a' })}`]
    expect((await runToEnd(['publish', url, 'a', 'hello', ...header])).code).toBe(0)
    const tail = start(['tail', `${url}/events?topic=a&from=earliest`, ...header])
    await tail.printed('hello\n')
    expect(await runToEnd(['publish', url, 'a', 'hello'])).toMatchObject({ code: 1, stderr: expect.stringContaining('401: UNAUTHORIZED') })
  })
})
