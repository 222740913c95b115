// The report's page: figures, charts and tables from the result it carries. Text is set as text, never as HTML.

const result = JSON.parse(document.getElementById('data').textContent)
const { seconds, load, settings } = result
const find = (id) => document.getElementById(id)

/** Pixels. Tall enough to read off, low enough for two rows on a laptop. */
const chartHeight = 230

function make(name, text, parent) {
  const element = document.createElement(name)
  element.textContent = text
  parent?.append(element)
  return element
}

// Numbers as people read them.

const count = (value) => Math.round(value).toLocaleString('en-US')
const oneOf = (value, digits) => value.toLocaleString('en-US', { maximumFractionDigits: digits })
const milliseconds = (value) => {
  if (value >= 10_000) return `${oneOf(value / 1_000, 1)} s`
  return `${oneOf(value, value >= 100 ? 0 : value >= 10 ? 1 : 2)} ms`
}
const megabytes = (value) => `${oneOf(value / 1e6, value >= 1e8 ? 0 : 1)} MB`
const cores = (value) => oneOf(value, value < 0.2 ? 3 : 2)

// What stands above the charts.

function describeSettings() {
  const { connections, rampMs, durationMs, topics, rate, payloadBytes } = settings
  const parts = [
    `${count(connections)} connections, ${oneOf(rampMs, 1)} ms apart`,
    `${count(topics)} ${topics === 1 ? 'topic' : 'topics'}`,
    rate === 0
      ? 'nothing published'
      : `${oneOf(rate, 2)} publishes/s of ${count(payloadBytes)} bytes`,
    `${oneOf(durationMs / 1_000, 1)} s`,
    new Date(result.startedAt).toLocaleString('en-GB', { timeZone: 'UTC' }) + ' UTC',
  ]
  if (result.isInterrupted) parts.push('ended early')
  return parts.join(' · ')
}

function describeOpened({ opened, asked }) {
  return opened === asked ? count(opened) : `${count(opened)} / ${count(asked)}`
}

function listFigures() {
  const { connections, deliveries, latencyMs, betweenMs, server } = result
  const times = latencyMs?.fromSchedule ?? betweenMs
  const word = latencyMs === null ? 'between events' : 'latency'
  const figures = [
    ['connections open', describeOpened(connections)],
    ['deliveries / s', count(deliveries.perSecond)],
    [`${word}, p50`, milliseconds(times.p50)],
    [`${word}, p99`, milliseconds(times.p99)],
  ]
  if (deliveries.missing !== null) {
    const wrong = deliveries.missing + deliveries.duplicated + deliveries.outOfOrder
    figures.push(['wrong deliveries', count(wrong)])
  }
  if (server !== null) {
    figures.push(['server CPU, cores', cores(server.cpuMean)])
    figures.push(['server memory', megabytes(server.memoryMaxBytes)])
  }
  return figures
}

function fillPage() {
  document.title = `Load test of ${result.target.url}`
  find('target').textContent = result.target.url
  find('settings').textContent = describeSettings()
  find('warnings').hidden = result.warnings.length === 0
  for (const warning of result.warnings) make('li', warning, find('warnings'))
  for (const [label, value] of listFigures()) {
    const group = make('div', '', find('figures'))
    make('dt', label, group)
    make('dd', value, group)
  }
  for (const { title, rows } of result.sections) {
    const card = make('section', '', find('tables'))
    card.className = 'card'
    make('h2', title, card)
    const table = make('table', '', card)
    for (const [label, value] of rows) {
      const row = make('tr', '', table)
      make('th', label, row).scope = 'row'
      make('td', value, row)
    }
  }
}

// Charts: what they show, then how they are drawn.

const overTime = (name) => seconds.map((each) => each[name])
/** Counts as rates: a row may be of a little more or less than a second. A moment says nothing. */
const ratePerSecond = (name) =>
  seconds.map(({ [name]: value, coveredSeconds }) =>
    coveredSeconds < 0.2 ? null : value / coveredSeconds,
  )

function listCharts() {
  const hasServer = seconds.some(({ serverCpu }) => serverCpu !== null)
  const timeName = result.latencyMs === null ? 'Time between events' : 'Latency'
  const charts = [
    {
      title: `${timeName} over time`,
      format: milliseconds,
      series: [
        { label: 'p50', colour: '--first', values: overTime('p50Ms') },
        { label: 'p99', colour: '--second', values: overTime('p99Ms') },
      ],
    },
    { title: `${timeName} by percentile`, format: milliseconds, ...listPercentiles() },
    {
      title: 'Deliveries per second',
      format: count,
      series: [
        {
          label: 'deliveries',
          colour: '--first',
          fill: '--fill',
          values: ratePerSecond('deliveries'),
        },
      ],
    },
    {
      title: 'Connections open',
      format: count,
      series: [{ label: 'open', colour: '--first', fill: '--fill', values: overTime('open') }],
    },
    {
      title: hasServer
        ? 'CPU of server and load generator, cores'
        : 'CPU of the load generator, cores',
      format: cores,
      series: [
        ...(hasServer
          ? [{ label: 'server', colour: '--first', values: overTime('serverCpu') }]
          : []),
        { label: 'load generator', colour: '--second', values: overTime('generatorCpu') },
      ],
    },
  ]
  if (hasServer) {
    charts.push({
      title: 'Memory of the server',
      format: megabytes,
      series: [
        {
          label: 'memory',
          colour: '--first',
          fill: '--fill',
          values: overTime('serverMemoryBytes'),
        },
      ],
    })
  }
  return charts
}

/** Percentiles stand at equal distances: each step is ten times rarer. */
function listPercentiles() {
  const steps = {
    50: 'p50',
    90: 'p90',
    99: 'p99',
    99.9: 'p999',
    99.99: 'p9999',
    max: 'max',
  }
  const read = (times) => Object.values(steps).map((name) => times[name])
  const { latencyMs, betweenMs } = result
  return {
    labels: Object.keys(steps),
    series:
      latencyMs === null
        ? [{ label: 'between events', colour: '--first', values: read(betweenMs) }]
        : [
            { label: 'from schedule', colour: '--second', values: read(latencyMs.fromSchedule) },
            { label: 'from send', colour: '--first', values: read(latencyMs.fromSend) },
          ],
  }
}

function colourOf(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim()
}

/** The time under load, behind everything. */
function shadeLoad(plot) {
  const { ctx, bbox } = plot
  const left = plot.valToPos(load.from, 'x', true)
  const right = plot.valToPos(load.to, 'x', true)
  ctx.fillStyle = colourOf('--load')
  ctx.fillRect(left, bbox.top, right - left, bbox.height)
}

function drawChart(chart, box) {
  const { labels, format, series, title } = chart
  const xs =
    labels === undefined ? seconds.map(({ second }) => second + 1) : labels.map((_, i) => i)
  const axis = {
    stroke: colourOf('--muted'),
    grid: { stroke: colourOf('--grid'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  }
  const isSparse = xs.length <= 40
  const options = {
    width: box.clientWidth,
    height: chartHeight,
    cursor: { drag: { x: false, y: false }, y: false },
    scales: {
      x: {
        time: false,
        range: labels === undefined ? [0, Math.max(1, xs.at(-1) ?? 1)] : [-0.3, 5.3],
      },
      y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] },
    },
    axes: [
      labels === undefined
        ? { ...axis, size: 34, values: (_plot, splits) => splits.map((value) => `${value} s`) }
        : {
            ...axis,
            size: 34,
            splits: () => xs,
            values: () => labels,
          },
      { ...axis, size: 68, values: (_plot, splits) => splits.map(format) },
    ],
    series: [
      { label: 'at', value: (_plot, x) => (x === null ? '–' : (labels?.[x] ?? `${x} s`)) },
      ...series.map(({ label, colour, fill }) => ({
        label,
        stroke: colourOf(colour),
        fill: fill === undefined ? undefined : colourOf(fill),
        width: 2,
        points: { show: isSparse, size: 5, fill: colourOf(colour) },
        value: (_plot, value) => (value === null || value === undefined ? '–' : format(value)),
      })),
    ],
    hooks: labels === undefined ? { drawClear: [shadeLoad] } : {},
  }
  const plot = new uPlot(options, [xs, ...series.map(({ values }) => values)], box)
  const canvas = box.querySelector('canvas')
  canvas.setAttribute('role', 'img')
  canvas.setAttribute('aria-label', title)
  return plot
}

function drawCharts() {
  const boxes = listCharts().map((chart) => {
    const card = make('section', '', find('charts'))
    card.className = 'card'
    make('h2', chart.title, card)
    return { chart, box: make('div', '', card), plot: undefined }
  })
  const redraw = () => {
    for (const each of boxes) {
      each.plot?.destroy()
      each.plot = drawChart(each.chart, each.box)
    }
  }
  redraw()
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw)
  addEventListener('resize', () => {
    for (const { plot, box } of boxes) plot.setSize({ width: box.clientWidth, height: chartHeight })
  })
}

fillPage()
drawCharts()
