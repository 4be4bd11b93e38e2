import { animate, find, make } from './dom.js'
import { say } from './say.js'

const SHOWN = { good: 7_000, bad: 15_000 }
const MOST = 3

/**
 * A short message at the edge of the page; it stays while it is pointed at or has the focus, and goes with Escape. Told to screen readers
 * too.
 */
export function toast(kind: 'good' | 'bad', text: string, link?: { readonly text: string; readonly href: string }): void {
  const close = make('button.close', { type: 'button', 'aria-label': 'Dismiss' }, '×')
  const message = make('div.toast', { 'data-kind': kind }, make('p', {}, text))
  if (link) message.append(make('a', { href: link.href }, link.text))
  message.append(close)
  const list = find('#toasts')
  list.append(message)
  while (list.childElementCount > MOST) list.firstElementChild?.remove()
  animate(message, [{ translate: '0 12px', opacity: 0 }, {}], 220)
  say(text)

  let timer = setTimeout(remove, SHOWN[kind])
  let cameFrom: Element | null = null
  const stay = (): void => clearTimeout(timer)
  const leave = (): void => {
    clearTimeout(timer)
    timer = setTimeout(remove, SHOWN[kind])
  }
  message.onpointerenter = stay
  message.addEventListener('focusin', ({ relatedTarget }) => {
    stay()
    if (!list.contains(relatedTarget as Element | null)) cameFrom = relatedTarget as Element | null
  })
  message.onkeydown = ({ key }) => key === 'Escape' && remove()
  message.onpointerleave = leave
  message.addEventListener('focusout', leave)
  close.onclick = remove

  function remove(): void {
    clearTimeout(timer)
    // The focus goes back to where it was; it must not fall to the top of the page.
    const hadFocus = message.contains(document.activeElement)
    message.remove()
    if (hadFocus) (cameFrom?.isConnected ? (cameFrom as HTMLElement) : find('main')).focus({ preventScroll: true })
  }
}
