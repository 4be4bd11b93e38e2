import { readdirSync, readFileSync } from 'node:fs'
import { extname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import type { Handler } from './http.js'

const folder = fileURLToPath(new URL('../page/', import.meta.url))

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  Vary: 'Accept-Encoding',
}

/** The built pages and what they load, each read and compressed once. */
export function loadPages(): Record<string, Handler> {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = `/${relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/')}`
        return [path.replace(/(\/index)?\.html$/, '') || '/', pageOf(path)]
      }),
  )
}

function pageOf(path: string): Handler {
  const body = readFileSync(join(folder, path))
  const compressed = gzipSync(body)
  const headers = {
    ...HEADERS,
    'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream',
    // Vite names what is in assets/ by its content.
    'Cache-Control': path.startsWith('/assets/')
      ? 'public, max-age=31536000, immutable'
      : 'no-cache',
  }
  return (req, res) => {
    const gzip = /\bgzip\b/.test(req.headers['accept-encoding']?.toString() ?? '')
    const sent = gzip ? compressed : body
    res.writeHead(path === '/404.html' ? 404 : 200, {
      ...headers,
      ...(gzip && { 'Content-Encoding': 'gzip' }),
      'Content-Length': sent.length,
    })
    res.end(req.method === 'HEAD' ? undefined : sent)
  }
}
