import { sendSse } from 'server-sent/node'
import { HttpError, type Handler } from './http.js'
import { monitor } from './streams.js'
import { events } from './ward-events.js'

// snippet: ward
export const ward: Handler = (req, res) =>
  sendSse(req, res, ({ lastEventId, signal }) => {
    // Thrown before anything is sent: the answer is a 403, not a stream.
    const name = req.headers['x-ward']
    if (name !== '7') throw new HttpError(403, 'WRONG_WARD', 'Send X-Ward: 7')
    return typed(name, lastEventId, signal)
  })

async function* typed(name: string, lastEventId: string, signal: AbortSignal) {
  for await (const { id, rate } of monitor.readings(lastEventId, signal)) {
    yield events.item('heartRate', { rate, ward: name }, { id })
  }
}
// end
