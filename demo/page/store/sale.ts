import type { ReceivedOf } from 'server-sent'
import { connect, type EventStream } from 'server-sent/client'
import { storeEvents, type Product, type Sale } from '../../server/store/events.js'
import { ask, isShopError } from './api.js'
import { drawArt } from './art.js'
import { buyOne } from './buy.js'
import { clockDoubt, noteClock, serverNow, setClock } from './clock.js'
import { animate, find, write } from './dom.js'
import { createLive, type Hooks, type LiveState } from './live.js'
import { createNotices } from './notices.js'
import { mention, say } from './say.js'
import { createSession } from './session.js'
import { createShelf } from './shelf.js'
import { showCustomer, showLive, showSetup, writeProblem } from './shell.js'
import { count, money, percentOff } from './words.js'

interface Answer {
  readonly sale: Sale
  readonly product: Product
  readonly now: number
  readonly lastEventId: string
}

const SETTING_UP = 1_000
const BOUGHT_SHOWN = 2_500
/** A countdown that is wrong by less looks right. */
const DOUBT = 100

const session = createSession()
const shelf = createShelf(schedule)
const notices = createNotices()
const buy = find<HTMLButtonElement>('#buy')
const staff = find<HTMLFormElement>('#staff')

let sale: Sale | undefined
let buying: 'no' | 'yes' | 'done' = 'no'
let boughtNumber = ''
let frame = 0
let tick: ReturnType<typeof setTimeout> | undefined
let shownLeft: number | undefined
let told = ''

const live = createLive({ load, open, onItem, onState })
live.start()
session.onelsewhere = () => void loadSession()
void loadSession()

buy.onclick = () => void buyNow()
staff.onsubmit = (event) => {
  event.preventDefault()
  void change('start')
}
find('#reset').onclick = () => void change('reset')
find('#retry').onclick = () => {
  showPhase('loading')
  // The button is gone: the focus must not fall to the top of the page.
  find('main').focus({ preventScroll: true })
  live.start()
}
document.addEventListener('visibilitychange', schedule)

async function load(signal: AbortSignal): Promise<string> {
  const slow = setTimeout(() => !sale && showPhase('setup'), SETTING_UP)
  try {
    const askedAt = Date.now()
    const answer = await ask<Answer>('/store/sale/state', { signal, patience: 90_000 })
    setClock(answer.now, askedAt)
    shelf.load([answer.product])
    sale = answer.sale
    showPhase('ready')
    schedule()
    void sharpenClock()
    return answer.lastEventId
  } finally {
    clearTimeout(slow)
  }
}

// snippet: sale-client
// Stock, prices, the sale and its notices: four kinds of events on one connection.
function open(hooks: Hooks): EventStream<ReceivedOf<typeof storeEvents>> {
  return connect(`/store/events?sku=${encodeURIComponent(sale?.sku ?? '')}&sale=1`, { ...hooks, events: storeEvents })
}

function onItem(item: ReceivedOf<typeof storeEvents>): void {
  if (item.event !== 'gap' && item.event !== 'sale') noteClock(item.data.at)
  if (item.event === 'stock') shelf.setStock(item.data)
  if (item.event === 'price') shelf.setPrice(item.data)
  if (item.event === 'sale') sale = item.data
  if (item.event === 'notice') notices.add(item.data)
  // However many came: drawn once, with the next picture of the screen.
  schedule()
}
// end

function onState(state: LiveState): void {
  showLive(state, sale ? 'stock' : '')
  if (sale || (state.name !== 'unavailable' && state.name !== 'failed')) return
  const { error } = state
  if (error.code === 'STORE_OPENING') {
    showPhase('setup')
    return showSetup(true, true)
  }
  writeProblem(state)
  showPhase('problem')
}

function schedule(): void {
  frame ||= requestAnimationFrame(() => {
    frame = 0
    render()
  })
}

type Stage = Sale['state'] | 'sold-out'

function stageOf({ state, endsAt }: Sale, left: number): Stage {
  // By the clock, which is the same everywhere; the event that says so may come a moment later.
  if (state === 'running' && serverNow() >= endsAt) return left === 0 ? 'sold-out' : 'ended'
  if (state === 'running' || state === 'ended') return left === 0 ? 'sold-out' : state
  return state
}

function render(): void {
  const ware = sale && shelf.wares.get(sale.sku)
  if (!sale || !ware) return
  const left = sale.state === 'running' ? Math.min(ware.stock, sale.total) : sale.left
  const stage = stageOf(sale, left)
  find('main').dataset['sale'] = stage

  if (write(find('#name'), ware.name)) find('#picture').prepend(drawArt(ware))
  write(find('#blurb'), ware.blurb)
  write(find('#price'), money(ware.price))
  write(find('#was'), ware.was ? money(ware.was) : '')
  find('#before').hidden = !ware.was
  write(find('#sticker'), ware.was ? percentOff(ware.price, ware.was) : '')

  const words = {
    idle: ['Flash sale', 'Pieces', 'The doors are still closed'],
    announced: ['Flash sale, about to begin', 'Pieces', 'Get ready'],
    running: ['Flash sale, on now', 'Left', ''],
    'sold-out': ['Flash sale', 'Left', 'Sold out'],
    ended: ['Flash sale', 'Left over', 'The sale is over'],
  } as const
  const [kicker, leftLabel, closed] = words[stage]
  write(find('#kicker'), kicker)
  write(find('#left-label'), leftLabel)
  const number = find('#left')
  if (write(number, String(left)) && shownLeft !== undefined && left < shownLeft && stage === 'running') {
    animate(number, [{ translate: '0 -0.08em', color: 'var(--ember)' }, {}], 350)
    mention('Flash sale', left === 0 ? 'sold out' : `${left} left`)
  }
  shownLeft = left
  write(find('#of'), `of ${sale.total}`)
  find('#bar i').style.scale = `${sale.total === 0 ? 0 : left / sale.total} 1`
  find('#bar').ariaValueMax = String(sale.total)
  find('#bar').ariaValueNow = String(left)
  find('#bar').ariaValueText = `${left} of ${sale.total}`
  find('#bar').dataset['level'] = left <= 10 ? 'few' : 'many'

  const canBuy = stage === 'running'
  const label =
    buying === 'yes'
      ? 'Buying'
      : buying === 'done'
        ? `Yours: order ${boughtNumber}`
        : canBuy
          ? `${boughtNumber ? 'Buy another' : 'Buy one'} for ${money(ware.price)}`
          : closed
  write(buy, label)
  buy.dataset['state'] = buying === 'done' ? 'placed' : buying === 'yes' ? 'buying' : canBuy ? 'idle' : 'none'
  buy.ariaDisabled = String(!canBuy || buying !== 'no')

  write(
    find('#quiet'),
    stage === 'idle'
      ? 'Nothing yet. It gets busy when the sale is on.'
      : sale.state === 'ended'
        ? 'Nothing new: this sale is over.'
        : 'What happens from now on is told here.',
  )
  write(find('#state'), stage === 'idle' ? 'Nobody has started it yet' : `${count(sale.sold, 'piece')} sold`)
  write(find('#watchers'), `${count(Math.max(1, sale.watchers), 'person', 'people')} watching`)
  find('#start').ariaDisabled = String(sale.state === 'announced' || sale.state === 'running')
  write(find('#start'), sale.state === 'announced' || sale.state === 'running' ? 'The sale is on' : 'Start the sale')

  if (stage !== told) {
    if (told !== '' && (stage === 'running' || stage === 'ended' || stage === 'announced')) {
      mention('Flash sale', { running: 'it is on', ended: 'it is over', announced: 'it is about to begin' }[stage])
    }
    told = stage
  }
  renderClock(sale, stage)
}

function renderClock({ state, startsAt, endsAt }: Sale, stage: Stage): void {
  clearTimeout(tick)
  const until = state === 'announced' ? startsAt : state === 'running' ? endsAt : 0
  const label = find('#clock-label')
  const clock = find('#clock')
  if (until === 0) {
    write(label, state === 'ended' ? 'Ended at' : 'It lasts')
    write(clock, state === 'ended' ? clockTime.format(endsAt) : '1:00')
    clock.dataset['urgent'] = 'false'
    return
  }
  const rest = Math.max(0, until - serverNow())
  const seconds = Math.ceil(rest / 1_000)
  write(label, state === 'announced' ? 'Starts in' : stage === 'ended' ? 'Ended' : 'Ends in')
  write(clock, `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`)
  clock.dataset['urgent'] = String(state === 'running' && seconds <= 10 && seconds > 0)
  // At the very moment at which the number changes, not some time later.
  if (rest > 0) tick = setTimeout(schedule, rest - (seconds - 1) * 1_000 + 1)
}

const clockTime = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })

async function buyNow(): Promise<void> {
  if (!sale || buy.ariaDisabled === 'true') return
  buying = 'yes'
  schedule()
  const purchase = await buyOne(shelf, session, sale.sku)
  buying = purchase ? 'done' : 'no'
  if (purchase) {
    boughtNumber = purchase.number
    setTimeout(() => {
      buying = 'no'
      schedule()
    }, BOUGHT_SHOWN)
  }
  schedule()
}

async function change(action: 'start' | 'reset'): Promise<void> {
  const error = find('#staff-error')
  if (action === 'start' && find('#start').ariaDisabled === 'true') return
  write(error, '')
  const crowd = Number(new FormData(staff).get('crowd') ?? 0)
  try {
    const answer = await ask<{ sale: Sale }>('/store/sale/state', { method: 'POST', body: { action, crowd }, csrf: session.csrf })
    // The stream may have said more by now.
    if (!sale || answer.sale.id > sale.id) sale = answer.sale
    boughtNumber = ''
    say(action === 'start' ? 'The sale is announced' : 'Everything is back on the shelf')
    schedule()
    // What comes next happens there; on a phone that is far away.
    if (action === 'start') buy.focus()
  } catch (reason) {
    write(error, isShopError(reason) ? reason.message : 'Something went wrong on this page')
    if (isShopError(reason) && reason.code === 'CSRF') await loadSession()
  }
}

function showPhase(phase: 'loading' | 'setup' | 'ready' | 'problem'): void {
  const main = find('main')
  if (main.dataset['phase'] === phase) return
  main.dataset['phase'] = phase
  showSetup(phase === 'setup')
  find('#problem').hidden = phase !== 'problem'
  find('#stage').hidden = phase === 'problem'
  find('.below').hidden = phase === 'problem'
}

/** The first answer may have waited for the database: of when in that time the server looked at its clock it says nothing. */
async function sharpenClock(): Promise<void> {
  for (let tries = 0; tries < 4 && clockDoubt() > DOUBT; tries++) await loadSession()
  schedule()
}

async function loadSession(): Promise<void> {
  // Without an answer one shops as a guest; the purchase itself says what is wrong.
  await session.load().catch(() => {})
  showCustomer(session.customer)
}
