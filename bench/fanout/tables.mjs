// What was measured, as text: for the terminal and for docs/performance.md.

/** One measurement in one line. */
export function lineOf(scenario, numbers) {
  return scenario.columns.map(([key, title, show]) => `${title} ${valueOf(numbers[key], show)}`).join('   ')
}

export function printTable(scenario, result) {
  const rows = rowsOf(scenario, result)
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)))
  for (const row of rows) {
    console.log(`  ${row.map((text, column) => (column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column]))).join('   ')}`)
  }
  for (const [what, value, goal] of comparisonsOf(scenario, result)) console.log(`  ${what}: ${value}${goal && ` (goal: ${goal})`}`)
}

export function markdown(scenario, result) {
  const [titles, ...rows] = rowsOf(scenario, result)
  const lines = [titles, titles.map((_, column) => (column === 0 ? '---' : '---:')), ...rows]
  const comparisons = comparisonsOf(scenario, result).map(([what, value, goal]) => `- ${what}: **${value}**${goal && ` (goal: ${goal})`}`)
  return [
    `${result.about} (${result.date}${result.load > 0.5 ? ', while the machine had other work' : ''}).`,
    '',
    ...lines.map((row) => `| ${row.join(' | ')} |`),
    '',
    ...comparisons,
  ].join('\n')
}

function rowsOf({ columns }, { rounds, cells }) {
  return [
    [`median of ${rounds}`, ...columns.map(([, title]) => title)],
    ...Object.entries(cells).map(([name, numbers]) => [name, ...columns.map(([key, , show]) => valueOf(numbers[key], show))]),
  ]
}

function comparisonsOf({ columns, limits = [] }, { cells, ratios }) {
  const titleOf = (key) => columns.find(([column]) => column === key)[1]
  return [
    ...ratios.map(({ key, a, b, ratio, goal }) => [
      `${titleOf(key)}, ${a} / ${b}`,
      ratio.toFixed(2),
      goal === undefined ? '' : `at most ${goal}`,
    ]),
    ...limits
      .filter(([, name]) => cells[name] !== undefined)
      .map(([key, name, goal, show]) => [`${titleOf(key)}, ${name}`, valueOf(cells[name][key], show), show(goal)]),
  ]
}

function valueOf(value, show) {
  return value === null ? '-' : show(value)
}
