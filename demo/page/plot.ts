import uPlot from 'uplot'

/** A live plot of the last two minutes. */
export interface Plot {
  add(value: number, time: Date): void
  /** Marks a moment with a dot at the value it had. */
  mark(value: number, time: Date): void
  /** Draws the window that ends now. */
  draw(): void
  /** What it shows, smallest and largest; none when it is empty. */
  range(): { readonly low: number; readonly high: number } | undefined
}

const WINDOW = 120
// Readings further apart than this many seconds are not joined by a line: nobody saw what was between.
const HOLE = 5

export function createPlot(container: HTMLElement): Plot {
  const points: { time: number; value: number; mark?: boolean }[] = []
  const color = (name: string): string => getComputedStyle(container).getPropertyValue(name).trim()
  const font = '11px ui-sans-serif, system-ui, sans-serif'
  const axis = {
    stroke: () => color('--muted'),
    grid: { stroke: () => color('--grid'), width: 1 },
    ticks: { show: false },
    font,
  }
  const plot = new uPlot(
    {
      ...sizeOf(container),
      padding: [6, 4, 0, 0],
      cursor: { show: false },
      legend: { show: false },
      scales: { x: { time: false, range: () => [now() - WINDOW, now()] }, y: { range: () => [55, 105] } },
      axes: [
        {
          ...axis,
          size: 22,
          gap: 4,
          splits: () => [-120, -90, -60, -30, 0].map((ago) => now() + ago),
          values: () => ['−2 min', '', '−1 min', '', ''],
        },
        { ...axis, size: 30, gap: 4, splits: () => [60, 80, 100] },
      ],
      series: [
        {},
        { stroke: () => color('--accent'), width: 2, points: { show: true, filter: alone, size: 5 }, spanGaps: false },
        { stroke: () => color('--accent'), width: 0, paths: () => null, points: { show: true, size: 8, fill: () => color('--card') } },
      ],
    },
    [[], [], []],
    container,
  )

  new ResizeObserver(() => plot.setSize(sizeOf(container))).observe(container)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw)

  function draw(): void {
    const from = now() - WINDOW - HOLE
    while (points[0] && points[0].time < from) points.shift()
    const times: number[] = []
    const values: (number | null)[] = []
    const marks: (number | null)[] = []
    for (const { time, value, mark } of points) {
      const before = times.at(-1)
      if (before !== undefined && time - before > HOLE) add(before + 1, null, null)
      add(time, value, mark ? value : null)
    }
    plot.setData([times, values, marks])

    function add(time: number, value: number | null, mark: number | null): void {
      times.push(time)
      values.push(value)
      marks.push(mark)
    }
  }

  function insert(value: number, date: Date, mark: boolean): void {
    const time = date.getTime() / 1000
    const at = points.findLastIndex((point) => point.time <= time) + 1
    points.splice(at, 0, { time, value, mark })
  }

  draw()
  return {
    draw,
    add: (value, time) => insert(value, time, false),
    mark: (value, time) => insert(value, time, true),
    range() {
      const shown = points.filter(({ time }) => time >= now() - WINDOW).map(({ value }) => value)
      return shown.length === 0 ? undefined : { low: Math.min(...shown), high: Math.max(...shown) }
    },
  }
}

/** A reading with a hole on both sides makes no line: it is shown as a dot. */
function alone(plot: uPlot): number[] {
  const values = plot.data[1] ?? []
  const has = (at: number): boolean => typeof values[at] === 'number'
  return Array.from(values.keys()).filter((at) => has(at) && !has(at - 1) && !has(at + 1))
}

function now(): number {
  return Date.now() / 1000
}

function sizeOf(element: HTMLElement): { width: number; height: number } {
  return { width: element.clientWidth, height: element.clientHeight }
}
