import type { Notice } from '../../server/store/events.js'
import { timeOf } from '../format.js'
import { animate, find, make } from './dom.js'
import { mention } from './say.js'

/** One after the other, in milliseconds: as fast as they can be read. */
const PACE = 500
const SHOWN = 6
const WAITING = 4

export interface Notices {
  add(notice: Notice): void
}

/** The news of a sale, newest first. When they come faster than they can be read, those that only inform are left out. */
export function createNotices(): Notices {
  const list = find('#notices')
  const queue: Notice[] = []
  let newest = 0
  let timer: ReturnType<typeof setTimeout> | undefined

  function next(): void {
    timer = undefined
    const notice = queue.shift()
    if (!notice) return
    const { id, level, text, at } = notice
    const item = make(
      'li',
      { 'data-level': level, 'data-notice': String(id) },
      make('time', { datetime: new Date(at).toISOString() }, timeOf(new Date(at))),
      make('span', {}, text),
    )
    find('#quiet').hidden = true
    list.prepend(item)
    while (list.childElementCount > SHOWN) list.lastElementChild?.remove()
    animate(item, [{ opacity: 0, translate: '0 -8px' }, {}], 300)
    if (level !== 'info') mention('News', text)
    timer = setTimeout(next, PACE)
  }

  return {
    add(notice) {
      // Told again after a break.
      if (notice.id <= newest) return
      newest = notice.id
      queue.push(notice)
      while (queue.length > WAITING)
        queue.splice(
          Math.max(
            0,
            queue.findIndex(({ level }) => level === 'info'),
          ),
          1,
        )
      timer ??= setTimeout(next, 0)
    },
  }
}
