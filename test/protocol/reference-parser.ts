import type { Told } from './record.js'

/**
 * The standard, word for word and slow: the whole stream as one text, line by line, a character at a time. Written from
 * https://html.spec.whatwg.org/multipage/server-sent-events.html alone, to judge the parser by.
 */
export function referenceParse(stream: string): Told[] {
  const told: Told[] = []
  let dataBuffer = ''
  let eventTypeBuffer = ''
  let lastEventIdBuffer = ''
  let lastEventIdString = ''
  // Beyond the standard: whether this block had an id or a retry of its own.
  let ownId: string | undefined
  let ownRetry: number | undefined

  for (const line of linesOf(stream)) {
    // "If the line is empty (a blank line): Dispatch the event, as defined below."
    if (line === '') dispatch()
    // "If the line starts with a U+003A COLON character (:): Ignore the line."
    else if (line[0] === ':') told.push({ comment: withoutSpace(line.substring(1)) })
    // "If the line contains a U+003A COLON character (:)": "Collect the characters on the line before the first U+003A COLON
    // character (:), and let field be that string. Collect the characters on the line after the first U+003A COLON character (:),
    // and let value be that string. If value starts with a U+0020 SPACE character, remove it from value."
    else if (line.includes(':')) process(line.substring(0, line.indexOf(':')), withoutSpace(line.substring(line.indexOf(':') + 1)))
    // "Process the field using the steps described below, using the whole line as the field name, and the empty string as the field value."
    else process(line, '')
  }
  // "Once the end of the file is reached, any pending data must be discarded."
  return told

  function process(field: string, value: string): void {
    // "Set the event type buffer to the field value."
    if (field === 'event') eventTypeBuffer = value
    // "Append the field value to the data buffer, then append a single U+000A LINE FEED (LF) character to the data buffer."
    if (field === 'data') dataBuffer += value + '\n'
    // "If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field value. Otherwise, ignore the field."
    if (field === 'id' && !value.includes('\0')) lastEventIdBuffer = ownId = value
    // "If the field value consists of only ASCII digits, then interpret the field value as an integer in base ten, and set the event
    // stream's reconnection time to that integer. Otherwise, ignore the field."
    if (field === 'retry' && value !== '' && Array.from(value).every((digit) => '0123456789'.includes(digit))) {
      ownRetry = Math.min(parseInt(value, 10), Number.MAX_SAFE_INTEGER)
      told.push({ retry: ownRetry })
    }
  }

  function dispatch(): void {
    // "Set the last event ID string of the event source to the value of the last event ID buffer."
    lastEventIdString = lastEventIdBuffer
    if (ownId !== undefined) told.push({ id: lastEventIdString })
    // "If the data buffer is an empty string, set the data buffer and the event type buffer to the empty string and return."
    if (dataBuffer !== '') {
      // "If the data buffer's last character is a U+000A LINE FEED (LF) character, then remove the last character from the data buffer."
      const data = dataBuffer.substring(0, dataBuffer.length - 1)
      // "Initialize event's type attribute to "message" [...] If the event type buffer has a value other than the empty string, change
      // the type of the newly created event to equal the value of the event type buffer."
      const event = eventTypeBuffer === '' ? 'message' : eventTypeBuffer
      told.push({ item: { data, event, id: ownId, retry: ownRetry, lastEventId: lastEventIdString } })
    }
    dataBuffer = eventTypeBuffer = ''
    ownId = ownRetry = undefined
  }
}

function linesOf(stream: string): string[] {
  // "The UTF-8 decode algorithm strips one leading UTF-8 Byte Order Mark (BOM), if any."
  const text = stream[0] === '\uFEFF' ? stream.substring(1) : stream
  const lines: string[] = []
  let line = ''
  for (let at = 0; at < text.length; at++) {
    // "end-of-line = ( cr lf / cr / lf )"
    if (text[at] === '\r' && text[at + 1] === '\n') at++
    else if (text[at] !== '\r' && text[at] !== '\n') {
      line += text[at]
      continue
    }
    lines.push(line)
    line = ''
  }
  // What has no line end yet is no line.
  return lines
}

function withoutSpace(value: string): string {
  return value[0] === ' ' ? value.substring(1) : value
}
