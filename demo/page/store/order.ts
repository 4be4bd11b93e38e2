import { STATUSES, type Order } from '../../server/store/events.js'
import { timeOf } from '../format.js'
import { animate, find, make, write } from './dom.js'
import { STATUS_WORDS, money } from './words.js'

export interface OrderView {
  readonly element: HTMLElement
  readonly order: Order
  show(order: Order, isNews: boolean): void
}

const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long' })

/** An order and how far it is. */
export function createOrderView(order: Order): OrderView {
  const id = `order-${order.id}`
  const steps = STATUSES.map((status) =>
    make(
      'li.step',
      { 'data-status': status },
      make('span.mark', { 'aria-hidden': 'true' }),
      make('b', {}, STATUS_WORDS[status]),
      make('time'),
    ),
  )
  const now = make('p.now')
  const element = make(
    'li.order',
    { 'data-order': String(order.id), 'aria-labelledby': id },
    make('div.picture'),
    make(
      'div.head',
      {},
      make('h2', { id }, `Order ${order.number}`),
      make('p.items', {}, order.items.map(({ name, quantity }) => (quantity > 1 ? `${quantity} × ${name}` : name)).join(', ')),
      make('p.meta', {}, `${day.format(order.placedAt)} · ${money(order.total)}`),
    ),
    now,
    make('ol.track', { 'aria-label': `Steps of order ${order.number}` }, ...steps),
  )
  const view = { element, order: { ...order, steps: [] as Order['steps'] }, show }

  function show(next: Order, isNews: boolean): void {
    view.order = next
    const status = next.steps.at(-1)?.status ?? 'placed'
    element.dataset['status'] = status
    write(now, STATUS_WORDS[status])
    for (const [index, step] of steps.entries()) {
      const done = next.steps.find((each) => each.status === step.dataset['status'])
      const state = !done ? 'open' : done.status === status ? 'current' : 'done'
      if (step.dataset['state'] === state) continue
      const arrived = isNews && state === 'current'
      step.dataset['state'] = state
      if (state === 'current') step.setAttribute('aria-current', 'step')
      else step.removeAttribute('aria-current')
      const time = find('time', step)
      write(time, done ? timeOf(new Date(done.at)) : '')
      if (done) time.setAttribute('datetime', new Date(done.at).toISOString())
      if (!arrived) continue
      animate(find('.mark', step), [{ scale: 0.4, opacity: 0 }, { scale: 1.25 }, {}], 600)
      if (index === steps.length - 1) animate(now, [{ translate: '0 4px', opacity: 0 }, {}], 400)
    }
  }

  return view
}
