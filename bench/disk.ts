// The size of the data directory while ten times the retention limit goes through it at full speed.
//
// Run: npm run build && npm run bench -- disk
//
// Events come in batches, several at a time, until ten times `maxBytes`, as the log counts it, has been
// stored. They have 256 bytes unless a case says otherwise. They go straight into the log, and over
// HTTP into a hub of its own process. The directory is measured every 50 ms. The figures are its size
// by the limit, by file lengths and by allocated blocks, at the worst moment and at the end. Bound: 3.
// `--limit=64` is the limit in MiB, `--only=hub` runs the cases whose name holds the text.

import { parseTopic } from '@tidemark/log'
import type { NewEvent } from '@tidemark/log'
import { measureRecord } from '@tidemark/log/driver'
import { openLmdbLog } from '@tidemark/log-lmdb'
import { startHubProcess } from '../packages/testkit/dist/hub-process.js'
import { readFlag } from './support/flags.ts'
import { measureDirectory, withDirectory } from './support/directory.ts'
import { postRequest, runLoad } from './support/load.ts'
import { tableRow, whole } from './support/statistics.ts'

const mebibyte = 1024 * 1024
const limitBytes = Number(readFlag('limit') ?? 64) * mebibyte
const only = readFlag('only') ?? ''
const writers = 8
const small = 'x'.repeat(256)
/** Too large for two to share a page of 4 KiB: the worst fit there is. */
const pageFiller = 'x'.repeat(2_100)
const mixed = 'x'.repeat(256 * 1024)

interface Case {
  readonly name: string
  /** Infinity: each event has a topic of its own, with a name of 250 bytes, and names come in no order. */
  readonly topics: number
  /** Events per append or request. */
  readonly batch: number
  readonly hasKeys: boolean
  readonly data: (n: number) => string
}

const plain = { topics: 10_000, batch: 100, hasKeys: false, data: (): string => small }

const cases: readonly Case[] = [
  { ...plain, name: 'log, 10 topics', topics: 10 },
  { ...plain, name: 'log, 10,000 topics' },
  { ...plain, name: 'log, 10,000 topics, a key per 100 events', hasKeys: true },
  { ...plain, name: 'log, 10 topics, a key per event', topics: 10, batch: 1, hasKeys: true },
  { ...plain, name: 'log, 2,100-byte events', batch: 50, data: () => pageFiller },
  { ...plain, name: 'log, events of 1 B to 256 KiB', batch: 10, data: pickMixed },
  { ...plain, name: 'log, a topic per event', topics: Infinity },
  { ...plain, name: 'hub, 10,000 topics' },
  { ...plain, name: 'hub, 10,000 topics, a key per 100 events', hasKeys: true },
]

interface Sizes {
  readonly apparentMax: number
  readonly allocatedMax: number
  readonly apparent: number
  readonly allocated: number
}

/** Looks at the directory as often as it is told, at most every 50 ms. */
class SizeWatch {
  readonly #directory: string
  #lookedAt = 0
  #apparentMax = 0
  #allocatedMax = 0

  constructor(directory: string) {
    this.#directory = directory
  }

  look(): void {
    if (performance.now() - this.#lookedAt < 50) return
    this.#lookedAt = performance.now()
    const { apparent, allocated } = measureDirectory(this.#directory)
    this.#apparentMax = Math.max(this.#apparentMax, apparent)
    this.#allocatedMax = Math.max(this.#allocatedMax, allocated)
  }

  end(): Sizes {
    this.#lookedAt = 0
    this.look()
    const last = measureDirectory(this.#directory)
    return { apparentMax: this.#apparentMax, allocatedMax: this.#allocatedMax, ...last }
  }
}

/** Hands out batches until ten times the limit has been handed out. */
function createSupply({ topics, batch, data }: Case): () => readonly NewEvent[] | undefined {
  let bytes = 0
  let n = 0
  return () => {
    if (bytes >= 10 * limitBytes) return undefined
    const events: NewEvent[] = []
    for (let i = 0; i < batch; i++) {
      const topic = topics === Infinity ? makeName(n) : `orders/${n % topics}`
      const event = { topic: parseTopic(topic), data: data(n) }
      n += 1
      bytes += measureRecord(event)
      events.push(event)
    }
    return events
  }
}

async function runLog(each: Case, directory: string): Promise<Sizes> {
  const log = await openLmdbLog({
    directory,
    // With one event per append the flushes would be all that is measured.
    durability: each.batch === 1 ? 'commit' : 'fsync',
    retention: { maxBytes: limitBytes },
  })
  const watch = new SizeWatch(directory)
  const supply = createSupply(each)
  let key = 0
  const write = async (): Promise<void> => {
    for (let events = supply(); events !== undefined; events = supply()) {
      await log.append({ events, idempotencyKey: each.hasKeys ? makeKey(key++) : undefined })
      watch.look()
    }
  }
  await Promise.all(Array.from({ length: each.batch === 1 ? 64 : writers }, write))
  const sizes = watch.end()
  await log.close()
  return sizes
}

async function runHub(each: Case, directory: string): Promise<Sizes> {
  const hub = await startHubProcess({
    dataDirectory: directory,
    args: [`--retention-max-bytes=${limitBytes}B`],
  })
  const watch = new SizeWatch(directory)
  const supply = createSupply(each)
  let key = 0
  const nextRequest = (): Uint8Array | undefined => {
    watch.look()
    const events = supply()
    if (events === undefined) return undefined
    return postRequest('/publish', events.map((event) => `${JSON.stringify(event)}\n`).join(''), {
      'Content-Type': 'application/x-ndjson',
      ...(each.hasKeys ? { 'Idempotency-Key': makeKey(key++) } : {}),
    })
  }
  try {
    await runLoad({ port: hub.port, connections: writers, nextRequest }, () => undefined)
    return watch.end()
  } finally {
    await hub.kill('SIGTERM')
  }
}

/** Each power of two as likely as the next, in an order that looks like none. */
function pickMixed(n: number): string {
  const share = ((n * 2_654_435_761) % 2 ** 32) / 2 ** 32
  return mixed.slice(0, Math.ceil(2 ** (share * 18)))
}

function makeName(n: number): string {
  return `${((n * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, '0')}/`.padEnd(250, 't')
}

/** As long as a UUID, in no order. */
function makeKey(n: number): string {
  return ((n * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, '0').padEnd(36, '-4b6e-8f1a')
}

const widths = [44, 14, 14, 14, 14, 11]
console.log(
  `limit ${whole(limitBytes / mebibyte)} MiB, ${whole((10 * limitBytes) / mebibyte)} MiB published; size of the directory by the limit`,
)
console.log(
  tableRow(['', 'length, max', 'blocks, max', 'length, end', 'blocks, end', 'seconds'], widths),
)
for (const each of cases) {
  if (!each.name.includes(only)) continue
  const start = performance.now()
  const sizes = await withDirectory((directory) =>
    each.name.startsWith('hub') ? runHub(each, directory) : runLog(each, directory),
  )
  const { apparentMax, allocatedMax, apparent, allocated } = sizes
  console.log(
    tableRow(
      [
        each.name,
        ...[apparentMax, allocatedMax, apparent, allocated].map((bytes) =>
          (bytes / limitBytes).toFixed(2),
        ),
        ((performance.now() - start) / 1000).toFixed(0),
      ],
      widths,
    ),
  )
}
