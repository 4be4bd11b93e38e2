import { closeSync, existsSync, fstatSync, openSync, readSync, renameSync } from 'node:fs'
import { join } from 'node:path'

/**
 * LMDB maps its file: where pages are missing at the end, the first read of one kills the process with SIGBUS. So before it is opened, the
 * file is looked at. A store that was cut short is set aside (what can be saved is still in it), and a new one begins.
 */
export function setDamagedAside(path: string): void {
  const file = join(path, 'data.mdb')
  const damage = existsSync(file) ? damageOf(file) : undefined
  if (damage === undefined) return
  const aside = `.damaged-${new Date().toISOString().replaceAll(':', '-')}`
  for (const name of ['data.mdb', 'lock.mdb']) if (existsSync(join(path, name))) renameSync(join(path, name), join(path, name + aside))
  console.warn(
    `server-sent: the store in ${path} is damaged (${damage}). It was renamed to data.mdb${aside}, and a new one begins: readers are told of a gap.`,
  )
}

const TRIES = 20

/** What is wrong with the file, if that can be seen from outside. */
export function damageOf(file: string): string | undefined {
  const fd = openSync(file, 'r')
  try {
    for (let tries = 0; tries < TRIES; tries++) {
      // The size after what it is compared with: another process may write meanwhile, and files only grow.
      const meta = newestMeta(fd)
      const { size } = fstatSync(fd)
      if (size === 0) return undefined
      if (size < 2 * SMALLEST_PAGE) return `it has ${size} bytes`
      if (!meta) return undefined
      const damage = seenIn(fd, size, meta)
      if (damage === undefined) return undefined
      // Unless something was committed since: its pages may have become others during this look.
      if (newestMeta(fd)?.transaction === meta.transaction) return damage
    }
    // Who writes without end has a sound store.
    return undefined
  } finally {
    closeSync(fd)
  }
}

// LMDB's format 2 (mdb.c: MDB_page, MDB_meta, MDB_db, MDB_node), little-endian. Of other formats nothing is said here.
const MAGIC = 0xbeefc0de
const VERSION = 2
const SMALLEST_PAGE = 4096
const HEAD = 24
const TREE = 48
const NO_PAGE = 0xffffffffffffffffn
const BRANCH = 1
const LEAF = 2
const BIG = 1
const SUBTREE = 2

interface Meta {
  readonly pageSize: number
  readonly roots: readonly number[]
  readonly pages: number
  readonly transaction: bigint
}

function newestMeta(fd: number): Meta | undefined {
  const first = metaAt(fd, 0)
  const second = first && metaAt(fd, first.pageSize)
  return first && second && second.transaction > first.transaction ? second : first
}

function metaAt(fd: number, position: number): Meta | undefined {
  const page = Buffer.alloc(HEAD + 136)
  if (readSync(fd, page, 0, page.length, position) < page.length) return undefined
  if (page.readUInt32LE(HEAD) !== MAGIC || page.readUInt16LE(HEAD + 4) !== VERSION) return undefined
  const trees = HEAD + 24
  return {
    pageSize: page.readUInt32LE(trees),
    roots: [rootOf(page, trees), rootOf(page, trees + TREE)].filter((root) => root !== undefined),
    pages: Number(page.readBigUInt64LE(trees + 2 * TREE)) + 1,
    transaction: page.readBigUInt64LE(trees + 2 * TREE + 8),
  }
}

function seenIn(fd: number, size: number, meta: Meta): string | undefined {
  try {
    return lookThrough(fd, size, meta)
  } catch (error) {
    // An offset within a page leads out of it.
    if (error instanceof RangeError) return 'its pages make no sense'
    throw error
  }
}

/** "Actually the file may be shorter if the freeDB lists the final pages": whether pages are missing, only the trees can tell. */
function lookThrough(fd: number, size: number, { pageSize, roots, pages }: Meta): string | undefined {
  const short = size < pages * pageSize
  const page = Buffer.alloc(pageSize)
  const missing = `it has ${size} bytes of ${pages * pageSize}`
  const left = [...roots]
  let seen = 0
  for (let number = left.pop(); number !== undefined; number = left.pop()) {
    if (seen++ > pages) return 'its pages lead in circles'
    if ((number + 1) * pageSize > size) return missing
    readSync(fd, page, 0, pageSize, number * pageSize)
    const flags = page.readUInt16LE(18)
    if (Number(page.readBigUInt64LE(0)) !== number || (flags & (BRANCH | LEAF)) === 0) return `page ${number} is not what it was`
    // The file has its length: its trees are as the file system keeps them, and to look through all would take long.
    if (!short) continue
    for (const node of nodesOf(page)) {
      if (flags & BRANCH) {
        left.push(page.readUInt16LE(node) + page.readUInt16LE(node + 2) * 2 ** 16 + page.readUInt16LE(node + 4) * 2 ** 32)
        continue
      }
      const kind = page.readUInt16LE(node + 4)
      const data = node + 8 + page.readUInt16LE(node + 6)
      if (kind & SUBTREE) left.push(...[rootOf(page, data)].filter((root) => root !== undefined))
      else if (kind & BIG) {
        const bytes = page.readUInt16LE(node) + page.readUInt16LE(node + 2) * 2 ** 16
        if (Number(page.readBigUInt64LE(data)) * pageSize + HEAD + bytes > size) return missing
      }
    }
  }
  return undefined
}

function nodesOf(page: Buffer): number[] {
  const count = page.readUInt16LE(20) >> 1
  return Array.from({ length: count }, (_, at) => HEAD + page.readUInt16LE(HEAD + 2 * at))
}

function rootOf(page: Buffer, tree: number): number | undefined {
  const root = page.readBigUInt64LE(tree + TREE - 8)
  return root === NO_PAGE ? undefined : Number(root)
}
