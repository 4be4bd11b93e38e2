import type { Locator } from 'playwright-core'

// Reads the cards of the demo's heart-rate page.

export function button(within: Locator, name: string): Locator {
  return within.getByRole('button', { name, exact: true })
}

export async function stateOf(card: Locator): Promise<string> {
  return (await card.locator('.state').textContent()) ?? ''
}

/** Time, event, id and data, newest first. */
export function rowsOf(card: Locator): Promise<string[][]> {
  return card.locator('tbody tr').evaluateAll((rows) => rows.map((row) => Array.from(row.children, (cell) => cell.textContent ?? '')))
}

/** The ids after which the log does not go on with the next one. */
export async function holes(card: Locator): Promise<number[]> {
  const ids = (await rowsOf(card)).map(([, , id]) => Number(id)).toReversed()
  return ids.filter((id, index) => index > 0 && id !== (ids[index - 1] as number) + 1)
}

/**
 * Notes what a text of the page is, now and with each change: what is shown for a moment alone is missed by who looks again and again, and
 * is late. Returns what it has been, each thing once in a row.
 */
export async function noted(text: Locator): Promise<() => Promise<string[]>> {
  const handle = await text.evaluateHandle((element) => {
    const shown: string[] = []
    const note = (): void => void (element.textContent !== shown.at(-1) && shown.push(element.textContent ?? ''))
    new MutationObserver(note).observe(element, { childList: true, characterData: true, subtree: true })
    note()
    return shown
  })
  return () => handle.jsonValue()
}

/** Whether the plot has a line in the colour of its card. */
export function drawn(card: Locator): Promise<boolean> {
  return card.locator('canvas').evaluate((canvas: HTMLCanvasElement) => {
    const probe = document.createElement('canvas').getContext('2d') as CanvasRenderingContext2D
    probe.fillStyle = getComputedStyle(canvas).getPropertyValue('--accent')
    probe.fillRect(0, 0, 1, 1)
    const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data
    const { data } = (canvas.getContext('2d') as CanvasRenderingContext2D).getImageData(0, 0, canvas.width, canvas.height)
    for (let at = 0; at < data.length; at += 4) if (data[at] === red && data[at + 1] === green && data[at + 2] === blue) return true
    return false
  })
}
