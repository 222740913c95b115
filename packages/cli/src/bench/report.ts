// The result as one HTML file that works without a network: page, styles, charts and their library inlined.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { BenchResult } from './result.ts'
import { describeResult } from './table.ts'

const require = createRequire(import.meta.url)
const folder = new URL('../../page/', import.meta.url)

/** Renders the report. */
export function renderReport(result: BenchResult): string {
  const own = (name: string): string => readText(new URL(name, folder))
  const parts: Readonly<Record<string, string>> = {
    style: `${readText(require.resolve('uplot/dist/uPlot.min.css'))}\n${own('report.css')}`,
    library: readText(require.resolve('uplot/dist/uPlot.iife.min.js')),
    script: own('report.js'),
    data: renderData({ ...result, sections: describeResult(result) }),
  }
  return own('report.html').replace(
    /<!-- (\w+) -->/g,
    (whole, name: string) => parts[name] ?? whole,
  )
}

/** JSON that cannot end the script element it stands in: HTML §4.12.1.3. */
function renderData(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c')
}

function readText(path: string | URL): string {
  return readFileSync(path, 'utf8')
}
