import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'
import { parts } from './parts.js'
import { snippets } from './snippets.js'

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  root: here('./'),
  publicDir: false,
  plugins: [parts(), snippets(here('./'))],
  build: {
    outDir: here('dist/page'),
    emptyOutDir: true,
    target: 'es2022',
    // Every file is one of ours: the pages allow nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      input: ['index.html', 'patterns.html', 'store/index.html', 'store/orders.html', 'store/sale.html', '404.html'].map(here),
    },
  },
})
