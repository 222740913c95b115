// Measures what filters cost the fan-out. Many sessions follow one topic: with no filter, with one for all,
// or with many. Each of the many lets every event through, or its own share of them.
//
// Run: npm run build && npm run bench -- filters [--rounds=5] [--sessions=1000] [--filters=100]
//
// A server in a process of its own, real sockets of HTTP/1.1, and clients in another process that read and
// forget. CPU time is the server's alone, publishing included. Rounds take turns through the rows, and a
// ratio is against another row of the same round. Sessions with one filter are one audience. So many
// filters make many blocks of the same frames, which is the cost of the third row. In the last two rows
// the same few sessions get each event, once by its topic and once by its tag.

import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { memoryLog } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import { readFlag } from './support/flags.ts'
import { median, quantile, tableRow, whole } from './support/statistics.ts'

const rounds = Number(readFlag('rounds') ?? 5)
const sessions = Number(readFlag('sessions') ?? 1_000)
const filters = Number(readFlag('filters') ?? 100)
const rates = [20, 1_000]
const seconds = 4
const data = 'x'.repeat(128)

interface Row {
  /** The query of a session. */
  readonly query: (index: number) => string
  /** The topic of an event. Its tag `share` is the number of its share, or `all`. */
  readonly topic: (share: string) => string
  /** Whether an event is for one share of the sessions alone. */
  readonly isShared: boolean
  /** The row that it is compared with. */
  readonly base: string
}

const oneTopic = (): string => 'a'
const shareSize = Math.round(sessions / filters)
const noFilter = 'no filter'
const byTopic = `${filters} topics, each event for ${shareSize}`

const rows: Readonly<Record<string, Row>> = {
  [noFilter]: { query: () => 'topic=a', topic: oneTopic, isShared: false, base: noFilter },
  'one filter for all': {
    query: () => 'topic=a&where=share:all',
    topic: oneTopic,
    isShared: false,
    base: noFilter,
  },
  [`${filters} filters, each event for all`]: {
    query: (index) => `topic=a&where=share:all|${index % filters}`,
    topic: oneTopic,
    isShared: false,
    base: noFilter,
  },
  [byTopic]: {
    query: (index) => `topic=a/${index % filters}`,
    topic: (share) => `a/${share}`,
    isShared: true,
    base: byTopic,
  },
  [`${filters} filters, each event for ${shareSize}`]: {
    query: (index) => `topic=a&where=share:${index % filters}`,
    topic: oneTopic,
    isShared: true,
    base: byTopic,
  },
}

/** CPU time of the server for some publishes, in microseconds. */
interface Figures {
  readonly cpuUs: number
  readonly events: number
  readonly deliveries: number
}

/** The server: streams on one side, its own publishes on the other. */
async function serve({ topic, isShared }: Row): Promise<void> {
  const log = memoryLog({ retention: { maxBytes: 16 * 1024 * 1024 } })
  const tide = createTidemark({ log, authorize: 'everyone', heartbeatMs: 3_600_000 })
  const server = createServer((request, response) => void tide.subscribe(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  process.send?.((server.address() as AddressInfo).port)
  process.on('message', (rate: number) => {
    void publish(rate).then((figures) => process.send?.(figures))
  })

  async function publish(rate: number): Promise<Figures> {
    const before = tide.stats().delivered.events
    const start = process.cpuUsage()
    const startedAt = performance.now()
    let events = 0
    for (let ms = 0; ms < seconds * 1_000; ms = performance.now() - startedAt) {
      for (const due = Math.ceil((ms / 1_000) * rate); events < due; events++) {
        const share = isShared ? String(events % filters) : 'all'
        void tide.publish(topic(share), { data, tags: { share } })
      }
      await sleep(1_000 / Math.min(rate, 200))
    }
    // The last ones leave.
    await sleep(200)
    const { user, system } = process.cpuUsage(start)
    const deliveries = tide.stats().delivered.events - before
    return { cpuUs: user + system, events, deliveries }
  }
}

/** The clients: they read and forget. Tells once every stream is open. */
async function follow({ query }: Row, port: number): Promise<void> {
  const opened = Array.from({ length: sessions }, async (_, index) => {
    const socket = connect(port, '127.0.0.1')
    const request = `GET /events?${query(index)} HTTP/1.1\r\nHost: localhost\r\n\r\n`
    socket.write(request)
    await once(socket, 'data')
    socket.resume()
  })
  await Promise.all(opened)
  process.send?.('open')
}

const file = fileURLToPath(import.meta.url)
const own = process.argv.slice(2)

async function tell(child: ChildProcess): Promise<unknown> {
  const [message] = (await once(child, 'message')) as [unknown]
  return message
}

/** The figures of a row at each rate. */
async function measure(name: string): Promise<readonly Figures[]> {
  const server = fork(file, [...own, `--serve=${name}`])
  const port = Number(await tell(server))
  const clients = fork(file, [...own, `--follow=${name}`, `--port=${port}`])
  await tell(clients)
  const figures: Figures[] = []
  // Once for the code that V8 has to compile.
  for (const rate of [1_000, ...rates]) {
    server.send(rate)
    figures.push((await tell(server)) as Figures)
  }
  for (const child of [clients, server]) child.kill()
  return figures.slice(1)
}

async function showAll(): Promise<void> {
  const names = Object.keys(rows)
  const all = new Map<string, (readonly Figures[])[]>(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++)
    for (const i of names.keys()) {
      const name = names[(i + round) % names.length] ?? ''
      all.get(name)?.push(await measure(name))
    }
  const widths = [34, 13, 8, 13, 18, 10]
  for (const [at, rate] of rates.entries()) {
    console.log(`\n${whole(rate)} events a second, ${whole(sessions)} sessions, ${rounds} rounds`)
    console.log(
      tableRow(['', 'µs/delivery', 'ratio', 'quartiles', 'deliveries/event', 'µs/event'], widths),
    )
    const costs = (name: string): readonly number[] =>
      (all.get(name) ?? []).map((round) => perDelivery(round[at]))
    for (const name of names) {
      const each = costs(name)
      const base = costs(rows[name]?.base ?? '')
      const ratios = each.map((cost, round) => cost / (base[round] ?? Number.NaN))
      const figures = (all.get(name) ?? []).map((round) => round[at])
      const cells = [
        median(each).toFixed(2),
        median(ratios).toFixed(2),
        [0.25, 0.75].map((share) => quantile(ratios, share).toFixed(2)).join('–'),
        whole(median(figures.map((one) => (one?.deliveries ?? 0) / (one?.events ?? 1)))),
        whole(median(figures.map((one) => (one?.cpuUs ?? 0) / (one?.events ?? 1)))),
      ]
      console.log(tableRow([name, ...cells], widths))
    }
  }
}

function perDelivery(figures: Figures | undefined): number {
  return figures === undefined ? Number.NaN : figures.cpuUs / figures.deliveries
}

const [serving, following] = [readFlag('serve'), readFlag('follow')].map((name) => rows[name ?? ''])
if (serving !== undefined) await serve(serving)
else if (following !== undefined) await follow(following, Number(readFlag('port')))
else await showAll()
