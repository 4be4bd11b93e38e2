import type { Product } from '../../server/store/events.js'
import { DRAWINGS, PARCEL } from './drawings.js'

const SVG = 'http://www.w3.org/2000/svg'

let sprite: SVGSVGElement | undefined

/** A product's picture. Each drawing is in the page once, whatever the number of products that look like it. */
export function drawArt({ art, category }: Pick<Product, 'art' | 'category'>): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', '0 0 100 100')
  svg.setAttribute('class', 'art')
  svg.setAttribute('aria-hidden', 'true')
  svg.style.setProperty('--hue', String(art.hue))
  const use = document.createElementNS(SVG, 'use')
  use.setAttribute('href', `#${symbolOf(category, art.shape)}`)
  svg.append(use)
  return svg
}

function symbolOf(category: string, shape: number): string {
  const drawings = Object.hasOwn(DRAWINGS, category) ? (DRAWINGS[category] as readonly string[]) : []
  const drawing = drawings[shape % Math.max(1, drawings.length)]
  const id = drawing ? `art-${category}-${shape % drawings.length}` : 'art-parcel'
  sprite ??= makeSprite()
  if (!sprite.querySelector(`#${id}`)) {
    const symbol = document.createElementNS(SVG, 'symbol')
    symbol.id = id
    symbol.setAttribute('viewBox', '0 0 100 100')
    // Ours, from the source beside this one: nothing that came over the network.
    symbol.innerHTML = `<ellipse class="shade" cx="50" cy="85" rx="38" ry="5"/>${drawing ?? PARCEL}`
    sprite.append(symbol)
  }
  return id
}

function makeSprite(): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('class', 'sprite')
  svg.setAttribute('aria-hidden', 'true')
  document.body.prepend(svg)
  return svg
}
