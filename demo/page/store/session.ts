import { ask } from './api.js'
import { setClock } from './clock.js'

export interface Customer {
  readonly name: string
  readonly email: string
}

interface Account extends Customer {
  readonly password: string
}

interface Answer {
  readonly customer: Customer | null
  readonly accounts: readonly Account[]
  readonly csrf: string
  readonly now: number
}

export interface Session {
  readonly customer: Customer | null
  readonly accounts: readonly Account[]
  readonly csrf: string
  /** @throws {ShopError} */
  load(signal?: AbortSignal): Promise<void>
  /** @throws {ShopError} */
  signIn(email: string, password: string): Promise<void>
  /** @throws {ShopError} */
  signOut(): Promise<void>
  /** Called when another window has signed in or out. */
  onelsewhere: () => void
}

const CHANGED = 'store-session-changed'

/** Who is shopping. The cookie is the browser's alone; the page has its token against forged requests. */
export function createSession(): Session {
  let answer: Answer = { customer: null, accounts: [], csrf: '', now: 0 }

  const session: Session = {
    get customer() {
      return answer.customer
    },
    get accounts() {
      return answer.accounts
    },
    get csrf() {
      return answer.csrf
    },
    async load(signal) {
      const askedAt = Date.now()
      answer = await ask<Answer>('/store/session', { signal })
      setClock(answer.now, askedAt)
    },
    async signIn(email, password) {
      answer = { ...answer, ...(await ask<Answer>('/store/session', { method: 'POST', body: { email, password }, csrf: answer.csrf })) }
      tellOthers()
    },
    async signOut() {
      await ask('/store/session', { method: 'DELETE', csrf: answer.csrf })
      answer = { ...answer, customer: null, csrf: '' }
      tellOthers()
    },
    onelsewhere: () => {},
  }
  addEventListener('storage', ({ key }) => key === CHANGED && session.onelsewhere())
  return session
}

/** Windows of this browser hear of what another one writes. */
function tellOthers(): void {
  localStorage.setItem(CHANGED, String(Date.now()))
}
