// One map, three libraries of schemas: what each infers is what the loop gets.
import { type } from 'arktype'
import { defineEvents, sse } from 'server-sent'
import { connect } from 'server-sent/client'
import * as v from 'valibot'
import { z } from 'zod'

export const events = defineEvents({
  stock: z.object({ sku: z.string(), left: z.number().int() }),
  price: v.object({ sku: v.string(), cents: v.pipe(v.number(), v.minValue(0)) }),
  notice: type({ text: 'string', 'level?': "'info' | 'warning'" }),
})

export async function follow(url: string): Promise<string> {
  for await (const item of connect(url, { events })) {
    switch (item.event) {
      case 'stock': {
        const left: number = item.data.left
        return item.data.sku + left
      }
      case 'price': {
        const cents: number = item.data.cents
        return item.data.sku + cents
      }
      case 'notice': {
        const level: 'info' | 'warning' | undefined = item.data.level
        return item.data.text + level
      }
      case 'gap':
        return item.data.reason
    }
  }
  return ''
}

export const response = sse([events.item('stock', { sku: 'a', left: 1 }), events.item('notice', { text: 'b' })])
// @ts-expect-error: refused by zod's type
events.item('stock', { sku: 'a', left: '1' })
// @ts-expect-error: refused by valibot's type
events.item('price', { sku: 'a' })
// @ts-expect-error: refused by arktype's type
events.item('notice', { text: 'a', level: 'loud' })
