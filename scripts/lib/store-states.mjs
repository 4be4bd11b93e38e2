/**
 * The states of the store's pages, to be looked at. They are gone through in this order, so that orders are there when
 * they are to be seen. `reach` gets a page that has just loaded `path`.
 */
const signIn = async (page) => {
  await page.getByRole('button', { name: 'Fill in Ada’s account' }).click()
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await page.locator('#sign-out').waitFor()
}
const answer = (status, code, message) => (route) => route.fulfill({ status, json: { code, message }, headers: { 'retry-after': '60' } })
const startSale = async (page, crowd) => {
  await page.locator('#reset').click()
  await page.locator(`[name=crowd][value="${crowd}"]`).check()
  await page.locator('#start').click()
}
const saleIs = (page, stage) => page.locator(`main[data-sale="${stage}"]`).waitFor({ timeout: 90_000 })

export const states = [
  { name: 'catalogue', path: '/store' },
  { name: 'category', path: '/store?category=garden' },
  { name: 'search', path: '/store?q=wool' },
  { name: 'no-match', path: '/store?q=zeppelin' },
  { name: 'bought', path: '/store?category=home', reach: (page) => page.locator('.buy').first().click() },
  {
    name: 'sold-out',
    path: '/store?category=home',
    reach: async (page) => {
      const message = 'Sorry, the last one has just gone: Wool Throw, Oat is sold out'
      await page.route('**/store/purchases', (route) =>
        route.fulfill({ status: 409, json: { code: 'SOLD_OUT', message, stock: 0, version: 1e6 } }),
      )
      await page.locator('.buy').first().click()
    },
  },
  {
    name: 'poll',
    path: '/store',
    reach: async (page) => {
      await page.locator('#poll summary').click()
      await page.locator('#poll-really').check()
      await page.waitForTimeout(3_000)
      await page.locator('#poll').evaluate((panel) => panel.scrollIntoView({ block: 'center' }))
    },
  },
  { name: 'loading', path: '/store', reach: (page) => reload(page, () => {}) },
  {
    name: 'setting-up',
    path: '/store',
    reach: (page) => reload(page, answer(503, 'STORE_OPENING', 'The store is being set up: one moment')),
  },
  { name: 'closed', path: '/store', reach: (page) => reload(page, answer(503, 'STORE_UNAVAILABLE', 'The database does not answer')) },
  { name: 'unreachable', path: '/store', reach: (page) => reload(page, (route) => route.abort()) },
  {
    name: 'reconnecting',
    path: '/store',
    reach: async (page) => {
      await page.route('**/store/events*', (route) => route.abort())
      await page.getByRole('link', { name: /^Kitchen/ }).click()
      await page.getByText('Reconnecting, showing').waitFor()
    },
  },
  { name: 'door', path: '/store/orders' },
  {
    name: 'orders',
    path: '/store/orders',
    reach: async (page) => {
      await signIn(page)
      const shop = await page.context().newPage()
      for (const category of ['play', 'garden']) {
        await shop.goto(new URL(`/store?category=${category}`, page.url()).href)
        await shop.locator('.buy').first().click()
        await shop.getByText('Ordered').waitFor()
        await shop.waitForTimeout(4_500)
      }
      await shop.close()
    },
  },
  {
    name: 'signed-out',
    path: '/store/orders',
    reach: async (page) => {
      await signIn(page)
      await page.locator('#sign-out').click()
      await page.locator('#door-note').waitFor()
    },
  },
  { name: 'sale-idle', path: '/store/sale', reach: (page) => page.locator('#reset').click() },
  { name: 'sale-announced', path: '/store/sale', reach: (page) => startSale(page, 40).then(() => saleIs(page, 'announced')) },
  {
    name: 'sale-running',
    path: '/store/sale',
    reach: async (page) => {
      await startSale(page, 40)
      await saleIs(page, 'running')
      await page.waitForTimeout(9_000)
    },
  },
  {
    name: 'sale-sold-out',
    path: '/store/sale',
    reach: async (page) => {
      await startSale(page, 500)
      await saleIs(page, 'sold-out')
    },
  },
]

/** Loads the page anew with another answer to what it asks first. */
async function reload(page, handler) {
  await page.route('**/store/products*', handler)
  await page.reload()
  await page.waitForTimeout(600)
}
