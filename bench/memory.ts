// Memory an idle session costs the process that serves it, in KB per connection.
//
// Run: npm run build && npm run bench -- memory
//
// A hub of its own process (`tidemark serve`) with log and heartbeat as they are by default; beside it, as the measure, the
// plain server of support/plain-server.ts, which keeps responses in a Set and writes to each. Another process opens
// 10,000 streams on `GET /events?topic=demo` (`--sessions=`) and only listens. What counts is the growth of the
// proportional set size (`Pss` of /proc/<pid>/smaps_rollup) over the empty server, divided by the sessions: right after all are
// open, and once it has stood still to 1 % for a beat and a half (`--settle=` seconds at most). Nothing is forced in the
// server; what its garbage collector leaves behind by itself counts. Sockets' own memory in the kernel is counted apart, of the
// whole machine and of both ends (/proc/net/sockstat). `--only=hub` leaves the plain server out.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { findFreePort, startHubProcess } from '../packages/testkit/dist/hub-process.js'
import { readFlag } from './support/flags.ts'
import { withDirectory } from './support/directory.ts'
import { tableRow } from './support/statistics.ts'

const sessions = Number(readFlag('sessions') ?? 10_000)
const settleSecondsMax = Number(readFlag('settle') ?? 75)
const only = readFlag('only')
/** A beat and a half of the default heartbeat. */
const steadySeconds = 23
const widths = [24, 14, 14, 20]

interface Server {
  readonly port: number
  readonly pid: number
  stop(): Promise<void>
}

interface Cost {
  readonly afterOpening: number
  readonly settled: number
  readonly kernel: number
}

console.log(tableRow(['KB per session', 'just opened', 'settled', 'kernel, both ends'], widths))
const costs = new Map<string, number>()
for (const [name, start] of [
  ['hub', startHub],
  ['plain', startPlain],
] as const) {
  if (only !== undefined && only !== name) continue
  const { afterOpening, settled, kernel } = await withDirectory((directory) =>
    measure(start, directory),
  )
  costs.set(name, settled)
  const cells = [afterOpening, settled, kernel].map((bytes) => (bytes / 1024).toFixed(2))
  console.log(tableRow([`${name}, ${sessions} sessions`, ...cells], widths))
}
const [hub, plain] = [costs.get('hub'), costs.get('plain')]
if (hub !== undefined && plain !== undefined)
  console.log(`hub / plain = ${(hub / plain).toFixed(2)}`)

async function measure(
  start: (directory: string) => Promise<Server>,
  directory: string,
): Promise<Cost> {
  const server = await start(directory)
  try {
    await wait(2_000)
    const empty = readPss(server.pid)
    const emptyKernel = readSocketMemory()
    const clients = await openClients(server.port)
    const afterOpening = readPss(server.pid) - empty
    const settled = (await untilSteady(server.pid)) - empty
    const kernel = readSocketMemory() - emptyKernel
    clients.stdin?.end()
    await once(clients, 'close')
    return {
      afterOpening: afterOpening / sessions,
      settled: settled / sessions,
      kernel: kernel / sessions,
    }
  } finally {
    await server.stop()
  }
}

async function startHub(directory: string): Promise<Server> {
  const args = [`--max-sessions=${sessions * 2}`]
  const hub = await startHubProcess({ dataDirectory: directory, args })
  return { port: hub.port, pid: hub.pid ?? 0, stop: () => hub.stop() }
}

async function startPlain(): Promise<Server> {
  const port = await findFreePort()
  const child = spawnNode(new URL('support/plain-server.ts', import.meta.url), [port])
  await once(child.stdout ?? child, 'data')
  return {
    port,
    pid: child.pid ?? 0,
    async stop() {
      child.kill('SIGTERM')
      await once(child, 'close')
    },
  }
}

async function openClients(port: number): Promise<ChildProcess> {
  const clients = spawnNode(new URL('support/idle-clients.ts', import.meta.url), [port, sessions])
  const failed = once(clients, 'close').then(() => {
    throw new Error(
      'The clients ended before all streams were open. Enough file descriptors (ulimit -n)?',
    )
  })
  await Promise.race([once(clients.stdout ?? clients, 'data'), failed])
  failed.catch(() => undefined)
  return clients
}

function spawnNode(program: URL, args: readonly number[]): ChildProcess {
  return spawn(process.execPath, [fileURLToPath(program), ...args.map(String)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
}

/** Reads once a second until nothing has moved by 1 % for a while. */
async function untilSteady(pid: number): Promise<number> {
  let reference = readPss(pid)
  let steady = 0
  for (let second = 0; second < settleSecondsMax && steady < steadySeconds; second++) {
    await wait(1_000)
    const now = readPss(pid)
    steady = Math.abs(now - reference) < reference / 100 ? steady + 1 : 0
    if (steady === 0) reference = now
  }
  return readPss(pid)
}

/** Proportional set size of a process, in bytes. */
function readPss(pid: number): number {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1]) * 1024
}

/** What TCP holds in the kernel on this machine, in bytes. */
function readSocketMemory(): number {
  const pages = /^TCP: .* mem (\d+)$/m.exec(readFileSync('/proc/net/sockstat', 'utf8'))?.[1]
  return Number(pages) * 4096
}
