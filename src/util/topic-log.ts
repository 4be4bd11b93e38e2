interface Entry {
  readonly seq: number
  readonly topic: string
}

/** Entries in the order of `seq`, each also found by its topic. New ones are appended; the oldest go first, of all or of one topic. */
export interface TopicLog<E extends Entry> {
  readonly size: number
  add(entry: E): void
  /** The oldest entry of all, or of one topic. */
  oldest(topic?: string): E | undefined
  /** Takes it out. */
  drop(topic?: string): E | undefined
  /** The entries with `after < seq` of these topics, ascending. Don't change the log meanwhile. */
  ofTopics(topics: readonly string[], after: number): Iterable<E>
  /** The same of all topics. */
  all(after: number): Iterable<E>
  /** How many topics have entries. */
  readonly topics: number
  clear(): void
}

export function createTopicLog<E extends Entry>(): TopicLog<E> {
  // A number stands where an entry was dropped out of the middle: its seq, so that the array can still be searched.
  const everything = createQueue<E | number>()
  const byTopic = new Map<string, Queue<E>>()
  let size = 0

  function skipDropped(): void {
    while (typeof everything.first() === 'number') everything.shift()
  }

  function* all(after: number): Generator<E> {
    for (let at = search(everything, after); at < everything.end; at++) {
      const entry = everything.at(at)
      if (typeof entry === 'object') yield entry
    }
  }

  /** A merge that looks at the head of each list: topics are few wherever this is called. */
  function* ofTopics(topics: readonly string[], after: number): Generator<E> {
    const lists = topics.flatMap((topic) => {
      const queue = byTopic.get(topic)
      const at = queue ? search(queue, after) : 0
      return queue && at < queue.end ? [{ queue, at }] : []
    })
    while (lists.length > 1) {
      let least = 0
      let entry = peek(lists[0] as Cursor<E>)
      for (let index = 1; index < lists.length; index++) {
        const other = peek(lists[index] as Cursor<E>)
        if (other.seq < entry.seq) {
          least = index
          entry = other
        }
      }
      yield entry
      const list = lists[least] as Cursor<E>
      if (++list.at === list.queue.end) lists.splice(least, 1)
    }
    for (const { queue, at } of lists) for (let index = at; index < queue.end; index++) yield queue.at(index) as E
  }

  return {
    get size() {
      return size
    },
    add(entry) {
      everything.push(entry)
      let queue = byTopic.get(entry.topic)
      if (!queue) byTopic.set(entry.topic, (queue = createQueue()))
      queue.push(entry)
      size++
    },
    oldest: (topic) => (topic === undefined ? (everything.first() as E | undefined) : byTopic.get(topic)?.first()),
    drop(topic) {
      const entry = topic === undefined ? (everything.first() as E | undefined) : byTopic.get(topic)?.first()
      if (!entry) return undefined
      const queue = byTopic.get(entry.topic) as Queue<E>
      queue.shift()
      if (queue.first() === undefined) byTopic.delete(entry.topic)
      everything.set(search(everything, entry.seq - 1), entry.seq)
      skipDropped()
      // So that entries dropped out of the middle never outnumber those that are left.
      if (everything.end - everything.start > 2 * --size + 64) everything.keep((each) => typeof each === 'object')
      return entry
    },
    all,
    ofTopics,
    get topics() {
      return byTopic.size
    },
    clear() {
      everything.keep(() => false)
      byTopic.clear()
      size = 0
    },
  }
}

interface Cursor<E> {
  readonly queue: Queue<E>
  at: number
}

function peek<E>({ queue, at }: Cursor<E>): E {
  return queue.at(at) as E
}

/** Where the entries above `after` begin. */
function search(queue: Queue<{ readonly seq: number } | number>, after: number): number {
  let low = queue.start
  let high = queue.end
  while (low < high) {
    const middle = (low + high) >>> 1
    const entry = queue.at(middle)
    if ((typeof entry === 'object' ? entry.seq : (entry ?? 0)) > after) high = middle
    else low = middle + 1
  }
  return low
}

/** An array whose front can be taken off at no cost. */
interface Queue<T> {
  readonly start: number
  readonly end: number
  at(index: number): T | undefined
  set(index: number, value: T): void
  first(): T | undefined
  push(value: T): void
  shift(): void
  keep(wanted: (value: T) => boolean): void
}

function createQueue<T>(): Queue<T> {
  let array: (T | undefined)[] = []
  let start = 0
  return {
    get start() {
      return start
    },
    get end() {
      return array.length
    },
    at: (index) => array[index],
    set(index, value) {
      array[index] = value
    },
    first: () => array[start],
    push(value) {
      array.push(value)
    },
    shift() {
      array[start++] = undefined
      if (start < 32 || start * 2 < array.length) return
      array = array.slice(start)
      start = 0
    },
    keep(wanted) {
      array = array.slice(start).filter((value) => wanted(value as T))
      start = 0
    },
  }
}
