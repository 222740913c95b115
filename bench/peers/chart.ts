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
  /** What is good, and where the scale is not linear. */
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

/** The chart as SVG. */
export function renderChart(results: Results): string {
  const filled = panels.map((panel) => readBars(panel, results))
  const rows = Math.max(1, ...filled.map(({ length }) => length))
  const panelHeight = headHeight + rows * barHeight + 18
  const chart = init(null, null, {
    renderer: 'svg',
    ssr: true,
    width,
    height: 2 * panelHeight,
  })
  chart.setOption(describeChart(filled, panelHeight))
  const svg = chart.renderToSVGString()
  chart.dispose()
  return `${svg}\n`
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

function describeChart(
  filled: readonly (readonly Bar[])[],
  panelHeight: number,
): EChartsCoreOption {
  const place = (index: number) => ({
    left: (index % 2) * columnWidth,
    top: Math.floor(index / 2) * panelHeight,
  })
  return {
    animation: false,
    textStyle: { fontFamily: 'system-ui, sans-serif' },
    title: panels.map(({ title, note }, index) => ({
      text: title,
      subtext: note,
      left: place(index).left + 12,
      top: place(index).top + 10,
      itemGap: 4,
      textStyle: { color: textColour, fontSize: 15 },
      subtextStyle: { color: textColour, fontSize: 11 },
    })),
    grid: filled.map((bars, index) => ({
      left: place(index).left + labelWidth,
      top: place(index).top + headHeight,
      width: columnWidth - labelWidth - valueWidth,
      height: Math.max(1, bars.length) * barHeight,
    })),
    xAxis: panels.map(({ isLogarithmic }, index) => ({
      gridIndex: index,
      show: false,
      type: isLogarithmic ? 'log' : 'value',
      ...(isLogarithmic ? logarithmicRange(filled[index] ?? []) : { min: 0 }),
    })),
    yAxis: filled.map((bars, index) => ({
      gridIndex: index,
      type: 'category',
      inverse: true,
      data: bars.map(({ name }) => name),
      axisLine: { show: false },
      axisTick: { show: false },
      axisLabel: { color: textColour, fontSize: 12, interval: 0 },
    })),
    series: filled.map((bars, index) => ({
      type: 'bar',
      xAxisIndex: index,
      yAxisIndex: index,
      barWidth: 15,
      label: {
        show: true,
        position: 'right',
        color: textColour,
        fontSize: 12,
        formatter: ({ value }: { readonly value: number }) =>
          value.toLocaleString('en', { maximumFractionDigits: panels[index]?.digits ?? 0 }),
      },
      data: bars.map(({ name, value }) => ({
        value,
        itemStyle: { color: name === 'hub' ? ourColour : theirColour, borderRadius: 2 },
      })),
    })),
  }
}

/** From a third of the least, so that it still has a bar that can be seen. */
function logarithmicRange(bars: readonly Bar[]): { readonly min: number; readonly max: number } {
  const values = bars.map(({ value }) => value)
  if (values.length === 0) return { min: 1, max: 10 }
  return { min: Math.min(...values) / 3, max: Math.max(...values) }
}
