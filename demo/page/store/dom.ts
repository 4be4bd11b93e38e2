type Child = Node | string

/** An element, said as a selector: `make('p.stock', { 'aria-live': 'off' }, '2 left')`. */
export function make<K extends keyof HTMLElementTagNameMap>(
  selector: K | `${K}.${string}`,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const [name, ...classes] = selector.split('.') as [K, ...string[]]
  const element = document.createElement(name)
  element.classList.add(...classes)
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value)
  element.append(...children)
  return element
}

export function find<E extends Element = HTMLElement>(selector: string, within: ParentNode = document): E {
  const element = within.querySelector<E>(selector)
  if (!element) throw new Error(`The page has no ${selector}`)
  return element
}

/** Writes only what has changed: an element that is written is laid out anew, and told anew to who listens. */
export function write(element: Element, text: string): boolean {
  if (element.textContent === text) return false
  element.textContent = text
  return true
}

const still = matchMedia('(prefers-reduced-motion: reduce)')

/** A short animation, or none for who wants none. */
export function animate(element: Element, frames: Keyframe[], duration: number): void {
  if (!still.matches) element.animate(frames, { duration, easing: 'cubic-bezier(0.2, 0.7, 0.2, 1)' })
}
