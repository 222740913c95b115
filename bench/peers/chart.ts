// The chart: what each server costs and reaches, as bars, in an SVG that reads on light and dark pages.

import { BarChart } from 'echarts/charts'
import { GridComponent, TitleComponent } from 'echarts/components'
import { init, use } from 'echarts/core'
import type { EChartsCoreOption } from 'echarts/core'
import { SVGRenderer } from 'echarts/renderers'
import { medianOf } from './results.ts'
import type { Results } from './results.ts'

use([BarChart, GridComponent, TitleComponent, SVGRenderer])

interface Panel {
  readonly title: string
  /** The good direction, and where the scale is not linear. */
  readonly note: string
  readonly work: string
  readonly figure: string
  readonly digits: number
  readonly isLogarithmic: boolean
}

const panels: readonly Panel[] = [
  {
    title: 'CPU µs per delivery',
    note: '20 publishes/s to 2,000 sessions · less is better',
    work: 'fan-out',
    figure: 'cpu',
    digits: 1,
    isLogarithmic: false,
  },
  {
    title: 'Deliveries per CPU second',
    note: 'up to 1,000 publishes/s to 1,000 sessions · more is better · log scale',
    work: 'throughput',
    figure: 'perCpuSecond',
    digits: 0,
    isLogarithmic: true,
  },
  {
    title: 'KB per idle session',
    note: '10,000 sessions · less is better',
    work: 'idle-memory',
    figure: 'perSession',
    digits: 1,
    isLogarithmic: false,
  },
  {
    title: 'First delivery, p50 ms',
    note: '1 publish/s, 1,000 sessions, idle · less is better · log scale',
    work: 'idle-latency',
    figure: 'first',
    digits: 2,
    isLogarithmic: true,
  },
]

const width = 960
const columnWidth = width / 2
const headHeight = 62
const barHeight = 24
const labelWidth = 132
const valueWidth = 92

// Greys and hues of middling lightness: enough contrast on white and on GitHub's dark background alike.
const textColour = '#7d8590'
const ourColour = '#2f9e6e'
const theirColour = '#7a8fb0'
/** Not a server: what the kernel alone takes. */
const boundColour = '#7d859066'

/** The chart as SVG. A panel whose work was not measured is left out. */
export function renderChart(results: Results): string {
  const filled = panels
    .map((panel) => ({ panel, bars: readBars(panel, results) }))
    .filter(({ bars }) => bars.length > 0)
  const barRows = Math.max(1, ...filled.map(({ bars }) => bars.length))
  const panelHeight = headHeight + barRows * barHeight + 18
  const height = Math.ceil(filled.length / 2) * panelHeight
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height })
  chart.setOption(describeChart(filled, panelHeight))
  const svg = chart.renderToSVGString()
  chart.dispose()
  return `${svg}\n`
}

interface FilledPanel {
  readonly panel: Panel
  readonly bars: readonly Bar[]
}

interface Bar {
  readonly name: string
  readonly value: number
}

function readBars({ work, figure }: Panel, { works }: Results): readonly Bar[] {
  return (works[work]?.contenders ?? []).flatMap((contender) => {
    const value = medianOf(contender, figure)
    return value === undefined ? [] : [{ name: contender.name, value }]
  })
}

function describeChart(filled: readonly FilledPanel[], panelHeight: number): EChartsCoreOption {
  const place = (index: number) => ({
    left: (index % 2) * columnWidth,
    top: Math.floor(index / 2) * panelHeight,
  })
  return {
    animation: false,
    textStyle: { fontFamily: 'system-ui, sans-serif' },
    title: filled.map(({ panel }, index) => ({
      text: panel.title,
      subtext: panel.note,
      left: place(index).left + 12,
      top: place(index).top + 10,
      itemGap: 4,
      textStyle: { color: textColour, fontSize: 15 },
      subtextStyle: { color: textColour, fontSize: 11 },
    })),
    grid: filled.map(({ bars }, index) => ({
      left: place(index).left + labelWidth,
      top: place(index).top + headHeight,
      width: columnWidth - labelWidth - valueWidth,
      height: bars.length * barHeight,
    })),
    xAxis: filled.map((_, index) => ({ gridIndex: index, show: false, type: 'value', min: 0 })),
    yAxis: filled.map(({ bars }, index) => ({
      gridIndex: index,
      type: 'category',
      inverse: true,
      data: bars.map(({ name }) => name),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { color: textColour, fontSize: 12, interval: 0 },
    })),
    series: filled.map(describeBars),
  }
}

function describeBars({ panel, bars }: FilledPanel, index: number): object {
  const { digits, isLogarithmic } = panel
  const least = Math.min(...bars.map(({ value }) => value))
  // The logarithm is taken here and not by the axis, where bars of values below 1 would point to the
  // left. Even the least has a bar that can be seen: the scale begins at a third of it.
  const lengthOf = (value: number): number =>
    isLogarithmic ? Math.log10((3 * value) / least) : value
  return {
    type: 'bar',
    xAxisIndex: index,
    yAxisIndex: index,
    barWidth: 15,
    data: bars.map(({ name, value }) => ({
      value: lengthOf(value),
      itemStyle: { color: colourOf(name), borderRadius: 2 },
      label: {
        show: true,
        position: 'right',
        color: textColour,
        fontSize: 12,
        fontWeight: isOurs(name) ? 'bold' : 'normal',
        formatter: value.toLocaleString('en', {
          minimumFractionDigits: digits,
          maximumFractionDigits: digits,
        }),
      },
    })),
  }
}

function colourOf(name: string): string {
  if (isOurs(name)) return ourColour
  return name === 'floor' ? boundColour : theirColour
}

/** The hub, however it was started. */
function isOurs(name: string): boolean {
  return name.startsWith('hub')
}
