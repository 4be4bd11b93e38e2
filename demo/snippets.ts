import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin } from 'vite'

/**
 * Fills `<pre data-snippet="name">` with code that runs: what stands between `// snippet: name` and `// end` in the sources of the
 * demo, or a whole file, `<pre data-snippet="server/patterns/progress.ts">`. An unknown name fails the build.
 */
export function snippets(folder: string): Plugin {
  return {
    name: 'snippets',
    transformIndexHtml: {
      order: 'pre',
      handler: (html) =>
        html.replace(/(<pre data-snippet="([^"]+)"[^>]*>)(<\/pre>)/g, (_, start: string, name: string, end: string) => {
          return `${start}<code>${highlight(read(folder, name))}</code>${end}`
        }),
    },
  }
}

/** The code of a snippet. Parts of the same name are joined. */
export function read(folder: string, name: string): string {
  if (name.endsWith('.ts')) return readFileSync(join(folder, name), 'utf8').trimEnd()
  const parts = sourcesIn(folder).flatMap((path) => cut(readFileSync(path, 'utf8'), name))
  if (parts.length === 0) throw new Error(`No source of the demo has a snippet called ${name}`)
  return parts.join('\n\n')
}

function sourcesIn(folder: string): string[] {
  return ['server', 'page'].flatMap((part) =>
    readdirSync(join(folder, part), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => join(folder, part, path)),
  )
}

function cut(source: string, name: string): string[] {
  const matches = source.matchAll(new RegExp(`^([ \\t]*)// snippet: ${name}\\n([^]*?)^[ \\t]*// end$`, 'gm'))
  return Array.from(matches, ([, indent, code]) => (code as string).replaceAll(new RegExp(`^${indent}`, 'gm'), '').trimEnd())
}

const TOKENS =
  /(?<comment>\/\/.*|\/\*[^]*?\*\/)|(?<string>'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`)|(?<number>\b\d[\d_.]*\b)|(?<keyword>\b(?:async|await|break|case|class|const|continue|default|else|export|finally|for|from|function|if|import|in|interface|let|new|of|return|switch|throw|true|false|try|type|undefined|while|yield)\b\*?)/g

function highlight(code: string): string {
  let html = ''
  let at = 0
  for (const match of code.matchAll(TOKENS)) {
    const kind = Object.entries(match.groups ?? {}).find(([, text]) => text !== undefined)?.[0]
    html += `${escape(code.slice(at, match.index))}<span class="${kind}">${escape(match[0])}</span>`
    at = match.index + match[0].length
  }
  return html + escape(code.slice(at))
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
