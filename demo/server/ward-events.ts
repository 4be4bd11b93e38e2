import { defineEvents, unchecked } from 'server-sent'

// snippet: ward-events
// One map, imported by the server and by this page: what is sent is what is read.
export const events = defineEvents({
  heartRate: unchecked<{ rate: number; ward: string }>(),
})
// end
