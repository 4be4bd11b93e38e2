// The results as a picture: one panel of bars for each question, in colours that can be read on white and on black.
const panels = [
  {
    scenario: 'cpu',
    key: 'cpuPerDelivery',
    title: 'Server CPU per delivery',
    better: 'less is better',
    show: (micros) => `${micros.toFixed(1)} µs`,
  },
  {
    scenario: 'overload',
    key: 'deliveredPerSecond',
    title: 'Deliveries per second under overload',
    better: 'more is better',
    show: (number) => `${Math.round(number / 1000).toLocaleString('en')},000`,
  },
  {
    scenario: 'overload',
    key: 'p99',
    title: '99th percentile of latency under overload',
    better: 'less is better',
    show: (micros) => (micros < 1e6 ? `${(micros / 1000).toFixed(0)} ms` : `${(micros / 1e6).toFixed(1)} s`),
  },
  {
    scenario: 'idle',
    key: 'bytesPerConnection',
    title: 'Memory per idle connection',
    better: 'less is better',
    show: (bytes) => `${(bytes / 1000).toFixed(1)} kB`,
  },
]

const ours = 'server-sent'
const [WIDTH, COLUMNS, GUTTER, NAMES, VALUES, ROW, BAR] = [880, 2, 32, 96, 64, 24, 15]
const COLUMN = (WIDTH - GUTTER * (COLUMNS + 1)) / COLUMNS
// Contrast of at least 4 with white and with GitHub's #0d1117.
const [TEXT, BARS, ACCENT] = ['#767d86', '#8b95a1', '#1f883d']

/** An SVG of what results/fanout.json holds; scenarios that were not measured are left out. */
export function plot({ scenarios, cpu, node }) {
  const drawn = panels.filter(({ scenario }) => scenarios[scenario] !== undefined)
  const rows = Math.max(0, ...drawn.map(({ scenario }) => Object.keys(scenarios[scenario].cells).length))
  const height = 58 + rows * ROW + 22
  const total = Math.ceil(drawn.length / COLUMNS) * height + 40
  const parts = drawn.map((panel, index) => {
    const x = GUTTER + (index % COLUMNS) * (COLUMN + GUTTER)
    return `<g transform="translate(${x} ${20 + Math.floor(index / COLUMNS) * height})">${panelOf(panel, scenarios[panel.scenario])}</g>`
  })
  const alt = drawn.map(
    (panel) =>
      `${panel.title}: ${valuesOf(panel, scenarios[panel.scenario])
        .map(([name, value]) => `${name} ${panel.show(value)}`)
        .join(', ')}.`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${total}" width="${WIDTH}" height="${total}" role="img" font-family="system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="13" fill="${TEXT}">
<title>Fan-out of server-sent and its peers</title>
<desc>${escaped(alt.join(' '))}</desc>
${parts.join('\n')}
<text x="${GUTTER}" y="${total - 14}" font-size="11">${escaped(`${cpu}, Node ${node}; medians of rounds in which all took turns`)}</text>
</svg>
`
}

function panelOf(panel, result) {
  const values = valuesOf(panel, result)
  const largest = Math.max(...values.map(([, value]) => value))
  const full = COLUMN - NAMES - VALUES
  const bars = values.map(([name, value], index) => {
    const y = 50 + index * ROW
    const own = name === ours
    return `<g${own ? ` fill="${ACCENT}" font-weight="700"` : ''}><text x="${NAMES - 8}" y="${y + 12}" text-anchor="end">${escaped(name)}</text><rect x="${NAMES}" y="${y}" width="${Math.max(1, (value / largest) * full).toFixed(1)}" height="${BAR}" rx="2" fill="${own ? ACCENT : BARS}"/><text x="${(NAMES + Math.max(1, (value / largest) * full) + 6).toFixed(1)}" y="${y + 12}">${escaped(panel.show(value))}</text></g>`
  })
  return `<text y="14" font-size="15" font-weight="700">${escaped(panel.title)}</text><text y="33" font-size="11">${escaped(`${underOf(result.sizes)}; ${panel.better}`)}</text>\n${bars.join('\n')}`
}

function underOf({ connections, rate }) {
  return `${connections.toLocaleString('en')} connections${rate === undefined ? '' : `, ${rate} items/s`}`
}

function valuesOf({ key }, { cells }) {
  return Object.entries(cells).map(([name, numbers]) => [name, numbers[key]])
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
