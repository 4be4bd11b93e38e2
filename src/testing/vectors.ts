/**
 * The wire format as data: what a formatter must write and what a parser must read. For tests of any implementation, in any language
 * (`JSON.stringify` them: only plain objects, arrays, strings and numbers are in here).
 *
 * @see https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */

/** An item, and the exact text of it. */
export interface FormatVector {
  /** A sentence: what this proves. */
  readonly name: string
  /** Strings are sent as they are, other data as JSON; without `data` there is no data line. */
  readonly input: {
    readonly data?: unknown
    readonly event?: string
    readonly id?: string | number
    readonly retry?: number
    readonly comment?: string
  }
  readonly output: string
}

/** A whole stream, and what it means. The same at any chunking of it. */
export interface ParseVector {
  /** A sentence: what this proves. */
  readonly name: string
  /** Text, or UTF-8 bytes where the text can't say it. */
  readonly input: string | readonly number[]
  readonly output: {
    /** What is dispatched, in order. */
    readonly items: readonly { readonly data: string; readonly event: string; readonly lastEventId: string }[]
    /** The last event ID when the stream has ended: what a client sends to resume. */
    readonly lastEventId: string
    /** Every valid reconnection time, in milliseconds and in order; the last one counts. None when it is missing. */
    readonly retries?: readonly number[]
    /** The text of the comments. None when it is missing. */
    readonly comments?: readonly string[]
  }
}

/** What a formatter must write: LF only, in the order comment, `event`, `data`, `id`, `retry`, blank line. */
export const formatVectors: readonly FormatVector[] = [
  { name: 'writes a string as it is', input: { data: 'hello' }, output: 'data: hello\n\n' },
  { name: 'writes one data line for an empty string', input: { data: '' }, output: 'data: \n\n' },
  { name: 'keeps spaces, colons and what looks like a field', input: { data: '  id: 1 ' }, output: 'data:   id: 1 \n\n' },
  { name: 'splits data at LF', input: { data: 'a\nb' }, output: 'data: a\ndata: b\n\n' },
  { name: 'splits data at CR', input: { data: 'a\revent: b' }, output: 'data: a\ndata: event: b\n\n' },
  { name: 'splits data at CRLF, once', input: { data: 'a\r\nb' }, output: 'data: a\ndata: b\n\n' },
  {
    name: 'splits data at any mix of line ends',
    input: { data: 'data\n\r with\nmultiple \rline\r\nbreaks' },
    output: 'data: data\ndata: \ndata:  with\ndata: multiple \ndata: line\ndata: breaks\n\n',
  },
  { name: 'counts LF CR as two line ends', input: { data: 'LFCR at end\n\r' }, output: 'data: LFCR at end\ndata: \ndata: \n\n' },
  { name: 'keeps a line end at the end of data', input: { data: 'a\r\n' }, output: 'data: a\ndata: \n\n' },
  { name: 'keeps line ends that are all there is', input: { data: '\r\r\n\n' }, output: 'data: \ndata: \ndata: \ndata: \n\n' },
  {
    name: 'does not split data at other separators',
    input: { data: 'a\u2028b\u2029c\u0085d\ve\ff' },
    output: 'data: a\u2028b\u2029c\u0085d\ve\ff\n\n',
  },
  { name: 'keeps a byte order mark and NUL in data', input: { data: '\uFEFFa\0b' }, output: 'data: \uFEFFa\0b\n\n' },
  { name: 'keeps text beyond ASCII', input: { data: 'é日本😀' }, output: 'data: é日本😀\n\n' },
  {
    name: 'writes all fields in their order',
    input: { retry: 300, id: '7', data: 'a', event: 'tick', comment: 'why' },
    output: ': why\nevent: tick\ndata: a\nid: 7\nretry: 300\n\n',
  },
  { name: 'writes no event when none is given', input: { data: 'a', id: '1' }, output: 'data: a\nid: 1\n\n' },
  {
    name: 'writes an event that is given as the default one',
    input: { data: 'a', event: 'message' },
    output: 'event: message\ndata: a\n\n',
  },
  { name: 'writes an event that is given as empty', input: { data: 'a', event: '' }, output: 'event: \ndata: a\n\n' },
  { name: 'keeps NUL and spaces in an event', input: { data: 'a', event: ' x\0' }, output: 'event:  x\0\ndata: a\n\n' },
  { name: 'writes an empty id, which resets the last event ID', input: { data: 'a', id: '' }, output: 'data: a\nid: \n\n' },
  { name: 'writes an id that is a number', input: { data: 'a', id: 0 }, output: 'data: a\nid: 0\n\n' },
  { name: 'writes a retry of 0', input: { data: 'a', retry: 0 }, output: 'data: a\nretry: 0\n\n' },
  {
    name: 'writes the largest retry in digits',
    input: { data: 'a', retry: 9007199254740991 },
    output: 'data: a\nretry: 9007199254740991\n\n',
  },
  { name: 'writes a block with an id only', input: { id: 'x' }, output: 'id: x\n\n' },
  { name: 'writes a block with a retry only', input: { retry: 60000 }, output: 'retry: 60000\n\n' },
  { name: 'writes a block with a comment only', input: { comment: 'still here' }, output: ': still here\n\n' },
  { name: 'writes an empty comment', input: { comment: '' }, output: ':\n\n' },
  {
    name: 'writes line ends in a comment as comment lines',
    input: { comment: 'a\rdata: b\r\nid: c\n' },
    output: ': a\n: data: b\n: id: c\n: \n\n',
  },
  { name: 'writes null as JSON', input: { data: null }, output: 'data: null\n\n' },
  { name: 'writes a number as JSON', input: { data: 75 }, output: 'data: 75\n\n' },
  { name: 'writes false as JSON', input: { data: false }, output: 'data: false\n\n' },
  { name: 'writes an object as JSON on one line', input: { data: { a: 'x\ny', b: [1] } }, output: 'data: {"a":"x\\ny","b":[1]}\n\n' },
]

/** What a parser must read. */
export const parseVectors: readonly ParseVector[] = [
  // The examples of the standard.
  {
    name: "dispatches the standard's two-line item and joins its lines with LF",
    input: 'data: YHOO\ndata: +2\ndata: 10\n\n',
    output: { items: [{ data: 'YHOO\n+2\n10', event: 'message', lastEventId: '' }], lastEventId: '' },
  },
  {
    name: "reads the standard's four blocks: a comment, an item with an id, one that resets it, one cut off",
    input: ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event',
    output: {
      items: [
        { data: 'first event', event: 'message', lastEventId: '1' },
        { data: 'second event', event: 'message', lastEventId: '' },
      ],
      lastEventId: '',
      comments: ['test stream'],
    },
  },
  {
    name: "dispatches the standard's empty items, and discards the one without a blank line",
    input: 'data\n\ndata\ndata\n\ndata:',
    output: {
      items: [
        { data: '', event: 'message', lastEventId: '' },
        { data: '\n', event: 'message', lastEventId: '' },
      ],
      lastEventId: '',
    },
  },
  {
    name: "reads the standard's two identical items, with and without the space",
    input: 'data:test\n\ndata: test\n\n',
    output: {
      items: [
        { data: 'test', event: 'message', lastEventId: '' },
        { data: 'test', event: 'message', lastEventId: '' },
      ],
      lastEventId: '',
    },
  },
  {
    name: "reads the standard's named items",
    input: 'event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n',
    output: {
      items: [
        { data: '73857293', event: 'add', lastEventId: '' },
        { data: '2153', event: 'remove', lastEventId: '' },
        { data: '113411', event: 'add', lastEventId: '' },
      ],
      lastEventId: '',
    },
  },

  // The stream and its lines.
  { name: 'finds nothing in an empty stream', input: '', output: { items: [], lastEventId: '' } },
  { name: 'finds nothing in blank lines', input: '\n\r\r\n\n', output: { items: [], lastEventId: '' } },
  {
    name: 'ends lines at LF',
    input: 'data: a\nid: 1\n\n',
    output: { items: [{ data: 'a', event: 'message', lastEventId: '1' }], lastEventId: '1' },
  },
  {
    name: 'ends lines at CR',
    input: 'data: a\rid: 1\r\r',
    output: { items: [{ data: 'a', event: 'message', lastEventId: '1' }], lastEventId: '1' },
  },
  {
    name: 'ends lines at CRLF',
    input: 'data: a\r\nid: 1\r\n\r\n',
    output: { items: [{ data: 'a', event: 'message', lastEventId: '1' }], lastEventId: '1' },
  },
  {
    name: 'takes LF CR for two line ends',
    input: 'data: a\n\rdata: b\n\r',
    output: {
      items: [
        { data: 'a', event: 'message', lastEventId: '' },
        { data: 'b', event: 'message', lastEventId: '' },
      ],
      lastEventId: '',
    },
  },
  {
    name: 'takes CRLF after CR for a blank line',
    input: 'data: a\r\r\ndata: b\r\n\r',
    output: {
      items: [
        { data: 'a', event: 'message', lastEventId: '' },
        { data: 'b', event: 'message', lastEventId: '' },
      ],
      lastEventId: '',
    },
  },
  {
    name: 'ends no line at other separators',
    input: 'data: a\u2028\u2029\u0085\v\fdata: b\n\n',
    output: { items: [{ data: 'a\u2028\u2029\u0085\v\fdata: b', event: 'message', lastEventId: '' }], lastEventId: '' },
  },
  {
    name: 'drops one leading BOM',
    input: '\uFEFFdata: a\n\n',
    output: { items: [{ data: 'a', event: 'message', lastEventId: '' }], lastEventId: '' },
  },
  { name: 'drops a BOM that is all there is', input: '\uFEFF', output: { items: [], lastEventId: '' } },
  { name: 'takes a second BOM for part of a field name', input: '\uFEFF\uFEFFdata: a\n\n', output: { items: [], lastEventId: '' } },
  {
    name: 'keeps a BOM later in the stream',
    input: 'data: \uFEFFa\n\n\uFEFFdata: b\n\n',
    output: { items: [{ data: '\uFEFFa', event: 'message', lastEventId: '' }], lastEventId: '' },
  },
  {
    name: 'reads text beyond ASCII',
    input: 'event: é\ndata: 日本😀\nid: ü\n\n',
    output: { items: [{ data: '日本😀', event: 'é', lastEventId: 'ü' }], lastEventId: 'ü' },
  },
  {
    name: 'replaces invalid UTF-8 by U+FFFD and goes on',
    // data: FF é cut-off-😀 CESU-surrogate
    input: [...ascii('data: '), 0xff, 0xc3, 0xa9, 0xf0, 0x9f, 0x98, ...ascii('x'), 0xed, 0xa0, 0x80, 0xe2, 0x82, ...ascii('\n\n')],
    output: { items: [{ data: '\uFFFDé\uFFFDx\uFFFD\uFFFD\uFFFD\uFFFD', event: 'message', lastEventId: '' }], lastEventId: '' },
  },

  // Fields.
  {
    name: 'drops one space after the colon, not more',
    input: 'data:  a\ndata:\tb\ndata: \ndata:  \n\n',
    output: { items: [{ data: ' a\n\tb\n\n ', event: 'message', lastEventId: '' }], lastEventId: '' },
  },
  {
    name: 'keeps colons and spaces in a value',
    input: 'data: a: b :c \n\n',
    output: { items: [{ data: 'a: b :c ', event: 'message', lastEventId: '' }], lastEventId: '' },
  },
  {
    name: 'takes a line without a colon for a field with an empty value',
    input: 'id: 1\n\nevent: x\nevent\nid\ndata\n\n',
    output: { items: [{ data: '', event: 'message', lastEventId: '' }], lastEventId: '' },
  },
  {
    name: 'ignores unknown fields, and known ones in another case or with spaces',
    input: 'DATA: a\nData: b\n data: c\ndata : d\nevents: e\nfoo\nid2: 3\nretry : 4\ndat: a\ndatas\n\n',
    output: { items: [], lastEventId: '' },
  },
  {
    name: 'ignores unknown fields in the middle of an item',
    input: 'data: a\nfoo: bar\ndata: b\n\n',
    output: { items: [{ data: 'a\nb', event: 'message', lastEventId: '' }], lastEventId: '' },
  },
  {
    name: 'reads comments, with and without the space, and dispatches nothing for them',
    input: ':\n: a\n:b\n:  c\n::d\n\n',
    output: { items: [], lastEventId: '', comments: ['', 'a', 'b', ' c', ':d'] },
  },
  {
    name: 'leaves an item whole around a comment',
    input: 'data: a\n: ping\ndata: b\n\n',
    output: { items: [{ data: 'a\nb', event: 'message', lastEventId: '' }], lastEventId: '', comments: ['ping'] },
  },
  {
    name: 'dispatches empty data',
    input: 'data:\n\n',
    output: { items: [{ data: '', event: 'message', lastEventId: '' }], lastEventId: '' },
  },
  {
    name: 'takes the last event name of a block',
    input: 'event: a\nevent: b\ndata: x\n\n',
    output: { items: [{ data: 'x', event: 'b', lastEventId: '' }], lastEventId: '' },
  },
  {
    name: 'takes an empty event name for message',
    input: 'event:\ndata: x\n\nevent: a\nevent: \ndata: y\n\n',
    output: {
      items: [
        { data: 'x', event: 'message', lastEventId: '' },
        { data: 'y', event: 'message', lastEventId: '' },
      ],
      lastEventId: '',
    },
  },
  {
    name: 'forgets the event name at a blank line without data',
    input: 'event: a\n\ndata: x\n\n',
    output: { items: [{ data: 'x', event: 'message', lastEventId: '' }], lastEventId: '' },
  },
  {
    name: 'forgets the event name after an item',
    input: 'event: a\ndata: x\n\ndata: y\n\n',
    output: {
      items: [
        { data: 'x', event: 'a', lastEventId: '' },
        { data: 'y', event: 'message', lastEventId: '' },
      ],
      lastEventId: '',
    },
  },

  // The last event ID.
  {
    name: 'keeps the last event ID from item to item',
    input: 'id: 1\ndata: a\n\ndata: b\n\n',
    output: {
      items: [
        { data: 'a', event: 'message', lastEventId: '1' },
        { data: 'b', event: 'message', lastEventId: '1' },
      ],
      lastEventId: '1',
    },
  },
  {
    name: 'moves the last event ID at a block with an id only, and dispatches nothing',
    input: 'id: 1\n\ndata: a\n\n',
    output: { items: [{ data: 'a', event: 'message', lastEventId: '1' }], lastEventId: '1' },
  },
  {
    name: 'resets the last event ID at an empty id',
    input: 'id: 1\ndata: a\n\nid:\ndata: b\n\n',
    output: {
      items: [
        { data: 'a', event: 'message', lastEventId: '1' },
        { data: 'b', event: 'message', lastEventId: '' },
      ],
      lastEventId: '',
    },
  },
  {
    name: 'ignores an id with NUL, but keeps an earlier one of its block',
    input: 'id: 1\nid: 2\0\ndata: a\n\nid: \0\ndata: b\n\n',
    output: {
      items: [
        { data: 'a', event: 'message', lastEventId: '1' },
        { data: 'b', event: 'message', lastEventId: '1' },
      ],
      lastEventId: '1',
    },
  },
  {
    name: 'takes the last id of a block',
    input: 'id: 1\ndata: a\nid: 2\n\n',
    output: { items: [{ data: 'a', event: 'message', lastEventId: '2' }], lastEventId: '2' },
  },
  {
    name: 'discards an item that the end cuts off, its id too, but not its retry',
    input: 'id: 1\ndata: a\n\nid: 2\nretry: 5\ndata: b\n',
    output: { items: [{ data: 'a', event: 'message', lastEventId: '1' }], lastEventId: '1', retries: [5] },
  },

  // The reconnection time.
  {
    name: 'takes a retry of digits',
    input: 'retry: 300\nretry:0\nretry: 007\n\n',
    output: { items: [], lastEventId: '', retries: [300, 0, 7] },
  },
  {
    name: 'ignores a retry of anything but ASCII digits',
    input:
      'retry\nretry:\nretry: \nretry:  5\nretry: +5\nretry: -5\nretry: 1.5\nretry: 1e3\nretry: 0x1\nretry: 5 \nretry: ٥\nretry: 5\0\n\n',
    output: { items: [], lastEventId: '' },
  },
]

function ascii(text: string): number[] {
  return Array.from(text, (character) => character.charCodeAt(0))
}
