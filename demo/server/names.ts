const MOODS = [
  'Calm',
  'Brisk',
  'Quiet',
  'Merry',
  'Bold',
  'Gentle',
  'Swift',
  'Wise',
  'Bright',
  'Steady',
]
const ANIMALS = [
  'Otter',
  'Heron',
  'Lynx',
  'Marten',
  'Wren',
  'Badger',
  'Falcon',
  'Hare',
  'Seal',
  'Stork',
  'Newt',
  'Ibex',
]

let next = 0

/** The name that a visitor had and nobody uses now, else a new one, like `Calm Otter`. */
export function nameFor(had: string, taken: readonly string[]): string {
  if (isName(had) && !taken.includes(had)) return had
  for (;;) {
    const n = next++
    const round = Math.floor(n / 60)
    const name = `${MOODS[n % MOODS.length]} ${ANIMALS[n % ANIMALS.length]}${round > 0 ? ` ${round + 1}` : ''}`
    if (!taken.includes(name)) return name
  }
}

function isName(text: string): boolean {
  const [mood = '', animal = '', round = '2', ...more] = text.split(' ')
  return (
    MOODS.includes(mood) &&
    ANIMALS.includes(animal) &&
    /^[1-9]\d{0,4}$/.test(round) &&
    more.length === 0
  )
}
