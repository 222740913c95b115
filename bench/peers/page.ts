// The section "Beside others" of docs/benchmarks.md, made anew from the results between two markers.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootFolder } from '../../tools/read-rooms.ts'
import { renderChart } from './chart.ts'
import { judge, medianOf, ratioOf } from './results.ts'
import type { ContenderResult, Results, ServerResult, Verdict, WorkResult } from './results.ts'
import type { Figure, Workload } from './workload.ts'
import { workloads } from './workloads/index.ts'

const pageFile = join(rootFolder, 'docs/benchmarks.md')
const chartFile = join(rootFolder, 'docs/images/peers.svg')
const begin = '<!-- peers: written by `npm run bench -- peers` -->'
const end = '<!-- /peers -->'
const lineCharactersMax = 106

/** Writes the page's section and the chart. */
export function writePage(results: Results): void {
  writeFileSync(chartFile, renderChart(results))
  const page = readFileSync(pageFile, 'utf8')
  const section = `${begin}\n\n${renderSection(results)}\n${end}`
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  writeFileSync(
    pageFile,
    from === -1 || to === -1
      ? `${page.trimEnd()}\n\n${section}\n`
      : page.slice(0, from) + section + page.slice(to + end.length),
  )
}

function renderSection(results: Results): string {
  const parts = workloads.map((work) => {
    const result = results.works[work.name]
    return result === undefined ? `### ${work.title}\n\nNot measured.\n` : renderWork(work, result)
  })
  return [
    '## Beside others\n',
    `${wrapText(`\`npm run bench -- peers\`: the same work against several SSE servers on one machine, in turns. Events of 128 bytes unless said otherwise, HTTP/1.1. Every round starts each server anew and warms it up with 2,000 publishes to another topic; figures are medians over rounds, ratios (ours / theirs) are made within each round. CPU time and memory are those of the server's processes alone; the load generator, one thread in C, shares the machine. *Cores of others* is what the rest of the machine was busy with meanwhile. Machine: ${results.machine}.`)}\n`,
    '![Our hub beside other servers: CPU time per delivery, deliveries per CPU second, memory per idle session, and latency](images/peers.svg)\n',
    renderServers(results.servers),
    ...parts,
  ].join('\n')
}

function renderServers(servers: readonly ServerResult[]): string {
  const rows = servers.map(({ name, version, settings, missing }) =>
    row([name, version ?? '**missing**', settings ?? missing ?? '']),
  )
  return table(['server', 'version', 'settings'], [], rows)
}

function renderWork(work: Workload, result: WorkResult): string {
  const { contenders } = result
  const [ours] = contenders
  const [main] = work.figures
  const isCompared = contenders.length > 1 && main !== undefined && ours !== undefined
  const titles = ['', ...work.figures.map(({ title }) => title), ...(isCompared ? ['ratio'] : [])]
  const rows = contenders.map((contender, index) => {
    const ratio = isCompared && index > 0 ? ratioOf(ours, contender, main.key) : undefined
    const cells = work.figures.map((figure) => renderFigure(contender, figure))
    return row([
      index === 0 ? `**${contender.name}**` : contender.name,
      ...cells,
      ...(isCompared ? [index === 0 ? '' : renderNumber(ratio, 2)] : []),
    ])
  })
  const count = contenders[0]?.rounds.length ?? 0
  const measured = `Measured on ${result.date}, ${count} ${count === 1 ? 'round' : 'rounds'}:\n\n\`\`\`sh\n${result.command}\n\`\`\``
  return [
    `### ${work.title}\n`,
    `${wrapText(work.text)}\n`,
    table(titles, ['left'], rows),
    ...renderFailures(contenders),
    renderGoals(work, result),
    `${measured}\n`,
  ].join('\n')
}

/** In lines of the width that all pages have. */
function wrapText(text: string): string {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line === undefined || line.length + 1 + word.length > lineCharactersMax) lines.push(word)
    else lines[lines.length - 1] = `${line} ${word}`
  }
  return lines.join('\n')
}

function renderFigure(contender: ContenderResult, { key, digits }: Figure): string {
  return renderNumber(medianOf(contender, key), digits)
}

/** Servers that failed are not dropped: the reason stands below the table. */
function renderFailures(contenders: readonly ContenderResult[]): readonly string[] {
  return contenders.flatMap(({ name, rounds }) => {
    const failures = rounds.flatMap((round) => ('failure' in round ? [round.failure] : []))
    const [first] = failures
    if (first === undefined) return []
    const reason = first.replaceAll(/\s+/g, ' ').slice(0, 300)
    return [`${name} failed in ${failures.length} of ${rounds.length} rounds: ${reason}\n`]
  })
}

function renderGoals(work: Workload, result: WorkResult): string {
  const rows = work.goals.map((goal) => {
    const verdict = judge(goal, result)
    return row([describeGoal(work, verdict), renderValue(work, verdict), describeVerdict(verdict)])
  })
  return table(['goal', 'measured', ''], ['left'], rows)
}

function describeGoal(work: Workload, { goal }: Verdict): string {
  const title = work.figures.find(({ key }) => key === goal.figure)?.title ?? goal.figure
  const sign = goal.atMost === undefined ? '≥' : '≤'
  const bound = (goal.atMost ?? goal.atLeast ?? 0).toLocaleString('en')
  const subject = goal.of === 'hub' ? title : `${goal.of}: ${title}`
  return `${subject} ${sign} ${bound}${goal.against === undefined ? '' : ` × ${goal.against}`}`
}

function renderValue(work: Workload, { goal, value }: Verdict): string {
  const digits = work.figures.find(({ key }) => key === goal.figure)?.digits ?? 2
  return goal.against === undefined ? renderNumber(value, digits) : renderNumber(value, 2)
}

function describeVerdict({ isReached }: Verdict): string {
  if (isReached === undefined) return 'not measured'
  return isReached ? 'reached' : '**not reached**'
}

function renderNumber(value: number | undefined, digits: number): string {
  if (value === undefined) return '–'
  return value.toLocaleString('en', {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  })
}

/** Columns are right-aligned numbers, but the first ones as said. */
function table(
  titles: readonly string[],
  aligned: readonly 'left'[],
  rows: readonly string[],
): string {
  const rule = titles.map((_, index) =>
    aligned.length === 0 || aligned[index] === 'left' ? '---' : '---:',
  )
  return [row(titles), `|${rule.join('|')}|`, ...rows, ''].join('\n')
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}
