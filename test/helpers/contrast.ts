import type { Page } from 'playwright-core'

export interface Faint {
  readonly text: string
  readonly ratio: number
  readonly needed: number
}

/**
 * The texts that can be seen on a page and are fainter than WCAG 2 (1.4.3, AA) allows: 4.5 to 1, or 3 to 1 for large ones. What cannot
 * be pressed just now is measured, too. Reckoned from computed colours: of pictures behind a text it knows nothing.
 */
export function faintTexts(page: Page): Promise<{ readonly measured: number; readonly faint: readonly Faint[] }> {
  return page.evaluate(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D
    type Color = readonly [red: number, green: number, blue: number, alpha: number]

    const toColor = (css: string): Color => {
      canvas.clearRect(0, 0, 1, 1)
      canvas.fillStyle = css
      canvas.fillRect(0, 0, 1, 1)
      const [red, green, blue, alpha] = canvas.getImageData(0, 0, 1, 1).data as unknown as [number, number, number, number]
      return [red, green, blue, alpha / 255]
    }
    const over = ([r, g, b, alpha]: Color, [red, green, blue]: Color): Color => [
      r * alpha + red * (1 - alpha),
      g * alpha + green * (1 - alpha),
      b * alpha + blue * (1 - alpha),
      1,
    ]
    const behind = (element: Element | null): Color => {
      if (!element) return toColor('Canvas')
      const color = toColor(getComputedStyle(element).backgroundColor)
      return color[3] === 1 ? color : over(color, behind(element.parentElement))
    }
    const opacityOf = (element: Element | null): number =>
      element ? Number(getComputedStyle(element).opacity) * opacityOf(element.parentElement) : 1
    const luminance = (color: Color): number =>
      [0.2126, 0.7152, 0.0722].reduce((sum, share, index) => {
        const part = (color[index] as number) / 255
        return sum + share * (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
      }, 0)

    const faint: Faint[] = []
    let measured = 0
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (texts.nextNode()) {
      const text = texts.currentNode.textContent?.trim()
      const element = texts.currentNode.parentElement as Element
      if (!text || !element.checkVisibility() || element.closest('.visually-hidden, .skip, noscript')) continue
      measured++
      const { color, fontSize, fontWeight } = getComputedStyle(element)
      const ground = behind(element)
      const [red, green, blue, alpha] = toColor(color)
      const ink = over([red, green, blue, alpha * opacityOf(element)], ground)
      const [dark, light] = [luminance(ink), luminance(ground)].toSorted((a, b) => a - b) as [number, number]
      const size = Number.parseFloat(fontSize)
      const needed = size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700) ? 3 : 4.5
      const ratio = (light + 0.05) / (dark + 0.05)
      if (ratio < needed) faint.push({ text, ratio: Math.round(ratio * 100) / 100, needed })
    }
    return { measured, faint }
  })
}
