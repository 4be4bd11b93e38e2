import { HttpError } from '../http.js'

// Each takes 19 MiB and some 30 ms of a core: so many at once, and so many that wait.
const AT_ONCE = 2
const WAITING = 30

let running = 0
const waiting: (() => void)[] = []
// What an unknown address is compared with, so that it takes as long as a known one.
let nobodys: Promise<string> | undefined

export async function hashPassword(password: string): Promise<string> {
  const { hash } = await import('@node-rs/argon2')
  return hash(password)
}

/** Whether it is the password of that hash. Without a hash it isn't, and takes as long to say so. */
export async function isPassword(password: string, hash: string | undefined): Promise<boolean> {
  if (waiting.length >= WAITING) {
    throw new HttpError(
      429,
      'TOO_MANY_ATTEMPTS',
      'Too many people sign in right now: try again in a moment',
      {
        headers: { 'Retry-After': '2' },
      },
    )
  }
  if (running >= AT_ONCE) await new Promise<void>((resolve) => waiting.push(resolve))
  else running++
  try {
    const { verify } = await import('@node-rs/argon2')
    const known = await verify(hash ?? (await (nobodys ??= hashPassword('nobody'))), password)
    return hash !== undefined && known
  } finally {
    const next = waiting.shift()
    // The place goes from one to the next.
    if (next) next()
    else running--
  }
}
