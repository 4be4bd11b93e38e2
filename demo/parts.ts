import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Plugin } from 'vite'

/**
 * Fills `<!-- part: masthead -->` with parts/masthead.html beside the page, so that what pages have in common stands once. A link to
 * the page itself says so. An unknown name fails the build.
 */
export function parts(): Plugin {
  return {
    name: 'parts',
    transformIndexHtml: {
      order: 'pre',
      handler: (html, { filename, path }) => {
        const address = path.replace(/(\/index)?\.html$/, '')
        return html.replaceAll(/^[ \t]*<!-- part: ([\w-]+) -->\n/gm, (_, name: string) =>
          readFileSync(join(dirname(filename), 'parts', `${name}.html`), 'utf8').replaceAll(
            `<a href="${address}">`,
            `<a href="${address}" aria-current="page">`,
          ),
        )
      },
    },
  }
}
