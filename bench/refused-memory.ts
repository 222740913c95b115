// The memory of a hub after many connections that were refused.
//
// Run: npm run build && npm run bench -- refused-memory [--count=100000] [--cycles=20000] [--wait=75]
//
// A hub of its own for each kind is asked by so many connections, each made for one request, 500 at a time.
// Then streams with tokens open and close `--cycles` times. Shown is what the hub's process holds after a
// collection: after the first fifth, which warms up, and after the rest. Before each it rests for 2 s; after
// streams for `--wait` seconds, because ledgers remember for a minute what was deleted.

import { createHmac } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { startHubProcess, waitUntil } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'
import { AttackProcess } from './support/attack-process.ts'
import { withDirectory } from './support/directory.ts'
import { readFlag } from './support/flags.ts'
import { tableRow } from './support/statistics.ts'

const count = Number(readFlag('count') ?? 100_000)
const cycles = Number(readFlag('cycles') ?? 20_000)
const restSeconds = Number(readFlag('wait') ?? 75)
const only = readFlag('only')
const atOnce = 500
const secret = 'a secret of the benchmark, with more than 32 bytes'
const widths = [36, 10, 14, 14, 12]

interface Kind {
  readonly name: string
  readonly settings?: object
  readonly requestOf: (i: number) => string
  readonly isHalf?: boolean
  /** Streams that are let in. */
  readonly isGood?: boolean
}

const head = (fields: string, path: string = '/events?topic=a'): string =>
  `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n${fields}\r\n`

const bearer = (token: string): string => `Authorization: Bearer ${token}\r\n`

function sign(sub: string, key: string = secret): string {
  const iat = Math.floor(Date.now() / 1_000)
  const claims = { sub, iat, exp: iat + 3_600, tidemark: { subscribe: ['a'] } }
  const text = [{ alg: 'HS256' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`
}

const trusting = { addresses: { trustProxy: ['127.0.0.0/8'] } }
const kinds: readonly Kind[] = [
  {
    name: 'bad tokens, each another one',
    requestOf: (i) => head(bearer(sign(`bad-${i}`, 'somebody else’s secret of 32 bytes or more'))),
  },
  {
    name: 'origins, each another one',
    requestOf: (i) => head(`Origin: https://evil-${i}.example\r\n`),
  },
  {
    name: 'banned addresses',
    settings: trusting,
    requestOf: (i) => head(`X-Forwarded-For: 203.0.${i % 100}.${i % 250}\r\n`),
  },
  {
    name: 'bad tokens of 100,000 addresses',
    settings: trusting,
    requestOf: (i) => head(`X-Forwarded-For: 10.${i >> 16}.${(i >> 8) & 255}.${i & 255}\r\n`),
  },
  {
    name: 'over the limit of their address',
    settings: {
      addresses: { ...trusting.addresses, banAfter: 'none' },
      limits: { streamsPerAddress: 1 },
    },
    requestOf: () => head(`X-Forwarded-For: 203.0.113.9\r\n${bearer(sign('ada'))}`),
  },
  {
    name: 'tickets that nobody has handed out',
    requestOf: (i) => head('', `/events?topic=a&ticket=${String(i).padStart(22, 'x')}`),
  },
  { name: 'half a head', requestOf: (i) => head('').slice(0, -2) + `X-Half: ${i}`, isHalf: true },
  {
    name: 'streams of 1,000 users, let in',
    requestOf: (i) => head(bearer(sign(`user-${i % 1_000}`))),
    isGood: true,
  },
]

console.log(tableRow(['', 'requests', 'warm, bytes', 'then, bytes', 'per request'], widths))
for (const kind of kinds.filter(({ name }) => only === undefined || name.includes(only))) {
  await withDirectory((directory) => measure(kind, directory))
}

async function measure(kind: Kind, directory: string): Promise<void> {
  const heapFile = `${directory}/heap`
  const hub = await startHub(kind, directory, heapFile)
  const attackers = new AttackProcess(0)
  try {
    const all = kind.isGood === true ? cycles : count
    const warm = await ask(hub, { kind, attackers, from: 0, to: all / 5 })
    await rest(kind)
    const before = await readHeap(hub, heapFile)
    const then = await ask(hub, { kind, attackers, from: all / 5, to: all })
    await rest(kind)
    const after = await readHeap(hub, heapFile)
    const cells = [all, before, after].map((value) => value.toLocaleString('en'))
    const each = ((after - before) / (all * 0.8)).toFixed(1)
    console.log(tableRow([kind.name, ...cells, each], widths), JSON.stringify({ ...warm, ...then }))
  } finally {
    attackers.end()
    await hub.kill('SIGKILL')
  }
}

function startHub(
  { settings = {} }: Kind,
  directory: string,
  heapFile: string,
): Promise<HubProcess> {
  const config = `${directory}/tidemark.config.json`
  writeFileSync(config, JSON.stringify({ auth: { secret }, ...settings }))
  return startHubProcess({
    dataDirectory: `${directory}/data`,
    args: [`--config=${config}`],
    env: {
      NODE_OPTIONS: `--import=${new URL('support/tell-heap.ts', import.meta.url).href}`,
      BENCH_HEAP_FILE: heapFile,
    },
  })
}

/** Resolves to the statuses of the answers. */
async function ask(
  { port }: HubProcess,
  {
    kind: { requestOf, isHalf = false },
    attackers,
    from,
    to,
  }: {
    readonly kind: Kind
    readonly attackers: AttackProcess
    readonly from: number
    readonly to: number
  },
): Promise<Readonly<Record<string, number>>> {
  let statuses = {}
  for (let i = from; i < to; i += atOnce) {
    const requests = Array.from({ length: atOnce }, (_, j) => requestOf(i + j))
    const order = { port, requests, count: atOnce, isNew: true, rate: 0, isWarmUp: false, isHalf }
    statuses = (await attackers.send(order)).statuses
  }
  return statuses
}

function rest({ isGood = false }: Kind): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, (isGood ? restSeconds : 2) * 1_000))
}

async function readHeap({ pid = 0 }: HubProcess, heapFile: string): Promise<number> {
  rmSync(heapFile, { force: true })
  process.kill(pid, 'SIGUSR2')
  let size = 0
  await waitUntil('the hub tells', () => {
    try {
      size = Number(readFileSync(heapFile, 'utf8'))
    } catch {
      // It is not written yet.
    }
    return size > 0
  })
  return size
}
