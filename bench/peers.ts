// Our hub side by side with other SSE servers: the same work on the same machine, in turns.
//
// Run: npm run build && npm run bench -- peers [--only hub,plain] [--work fan-out,throughput] [--rounds
// 5] [--seconds 8] [--quick] [--no-page]
//
// Writes the section "Beside others" of docs/benchmarks.md and its chart, and every round as it was to
// artifacts/peers/results.json. Work that this run leaves out keeps what an earlier run measured;
// `--render` measures nothing. `--no-page` measures and writes nothing but to the terminal, for a look
// at one figure: `--work idle-memory --only hub,plain --no-page`. `--quick` is one short round, to see
// that everything works, and writes no page either.
//
// Per round every server is started anew, measured and stopped, one after the other. So a noisy minute
// of the machine touches all of them. Figures are medians over rounds, ratios are made within each
// round. The load comes from bench/peers/load, and CPU time and memory are those of the server's
// processes alone, from /proc.

import { cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { buildGenerator } from './peers/load-generator.ts'
import { writePage } from './peers/page.ts'
import { loadResults, resultsFolder, saveResults } from './peers/results.ts'
import type { Results, Round, ServerResult, WorkResult } from './peers/results.ts'
import type { PeerServer } from './peers/server.ts'
import { servers } from './peers/servers/index.ts'
import type { Contender, RunSettings, Workload } from './peers/workload.ts'
import { workloads } from './peers/workloads/index.ts'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    work: { type: 'string' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    render: { type: 'boolean', default: false },
    page: { type: 'boolean', default: true },
  },
  allowNegative: true,
})
const isKept = options.page && !options.quick
const rounds = Number(options.rounds ?? (options.quick ? 1 : 5))
const command = ['npm run bench -- peers', ...process.argv.slice(2)].join(' ')

function choose<T extends { readonly name: string }>(
  all: readonly T[],
  list: string | undefined,
): readonly T[] {
  const names = list?.split(',')
  const stray = names?.find((name) => !all.some((each) => each.name === name))
  if (stray !== undefined) {
    throw new Error(`There is no "${stray}"; there are ${all.map(({ name }) => name).join(', ')}.`)
  }
  return all.filter(({ name }) => names?.includes(name) ?? true)
}

async function prepareServers(
  chosen: readonly PeerServer[],
): Promise<{ found: PeerServer[]; described: ServerResult[] }> {
  const found: PeerServer[] = []
  const described: ServerResult[] = []
  for (const server of chosen) {
    const prepared = await server.prepare()
    described.push({ name: server.name, ...prepared })
    if ('missing' in prepared) console.log(`${server.name} is missing: ${prepared.missing}`)
    else {
      found.push(server)
      console.log(`${server.name}: ${prepared.version}; ${prepared.settings}`)
    }
  }
  return { found, described }
}

async function measureWork(
  work: Workload,
  found: readonly PeerServer[],
  settings: RunSettings,
): Promise<WorkResult> {
  console.log(`\n${work.name}: ${work.title}`)
  const contenders = work.contenders(found)
  const measured = contenders.map(({ name }) => ({ name, rounds: [] as Round[] }))
  for (let round = 1; round <= rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      const result = await measureRound(contender, settings)
      measured[index]?.rounds.push(result)
      console.log(`  round ${round}  ${contender.name.padEnd(22)} ${describeRound(work, result)}`)
    }
  }
  return {
    date: new Date().toISOString().slice(0, 10),
    command,
    seconds: settings.seconds,
    contenders: measured,
  }
}

async function measureRound(contender: Contender, settings: RunSettings): Promise<Round> {
  try {
    return { figures: await contender.measure(settings) }
  } catch (error) {
    return { failure: error instanceof Error ? error.message : String(error) }
  }
}

function describeRound(work: Workload, round: Round): string {
  if ('failure' in round) return `failed: ${round.failure}`
  return work.figures
    .map(
      ({ key, title, digits }) => `${title} ${(round.figures[key] ?? Number.NaN).toFixed(digits)}`,
    )
    .join(' · ')
}

/** Servers of earlier runs that this one leaves out stay described. */
function mergeServers(
  old: readonly ServerResult[],
  fresh: readonly ServerResult[],
): readonly ServerResult[] {
  return servers.flatMap(
    ({ name }) => [...fresh, ...old].find((server) => server.name === name) ?? [],
  )
}

function describeMachine(): string {
  const gibibytes = Math.round(totalmem() / 1024 ** 3)
  return `${cpus().length} cores (${cpus()[0]?.model.trim() ?? 'of an unknown kind'}), ${gibibytes} GiB, ${process.platform}, loopback`
}

async function measureAll(): Promise<Results> {
  const generator = await buildGenerator(resultsFolder)
  const { found, described } = await prepareServers(choose(servers, options.only))
  const settings: RunSettings = {
    generator,
    seconds: Number(options.seconds ?? (options.quick ? 2 : 8)),
    isQuick: options.quick,
  }
  let results = loadResults()
  for (const work of choose(workloads, options.work)) {
    const result = await measureWork(work, found, settings)
    results = {
      machine: describeMachine(),
      servers: mergeServers(results.servers, described),
      works: { ...results.works, [work.name]: result },
    }
    // After each piece, so that a run that is cut short still shows something.
    if (isKept) saveResults(results)
  }
  return results
}

const results = options.render ? loadResults() : await measureAll()
if (isKept) {
  writePage(results)
  console.log('\nWrote docs/benchmarks.md and docs/images/peers.svg.')
}
