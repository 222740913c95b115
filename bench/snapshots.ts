// Snapshots of a topic with many keys, and the disk of a topic whose keys are overwritten for an hour.
//
// Run: npm run build && npm run bench -- snapshots [--keys=100000] [--clients=10] [--rate=1000] [--only=disk]
//
// First a hub in a process of its own keeps 100,000 keys of 128 bytes. One client comes while the hub is
// idle, then many come at once while keys change. Nine of ten requests set values, of which one in twenty
// ends after a second. The others delete keys. Times go from the request to the end of the snapshot, which a
// client takes apart in this process. CPU time is the hub's, and memory its heaps and stacks. When all is
// quiet, the table of each client is held against the publisher's.
//
// Then a log alone gets the events of an hour at 1,000 a second, as fast as it takes them. A tail reads all
// of them. The directory is measured as the keys change. It also holds the superseded values of ten seconds,
// which here are more than at that rate.

import {
  createRandom,
  readCpu,
  readMemory,
  startHubProcess,
  streamHttp,
  waitUntil,
} from '@tidemark/testkit'
import type { HubProcess, Streamed } from '@tidemark/testkit'
import { parseTopic } from '@tidemark/log'
import { openLmdbLog } from '@tidemark/log-lmdb'
import type { DecodedEvent } from '@tidemark/wire'
import { measureDirectory, withDirectory } from './support/directory.ts'
import { readFlag } from './support/flags.ts'
import { median, whole } from './support/statistics.ts'

const keyCount = Number(readFlag('keys') ?? 100_000)
const clientCount = Number(readFlag('clients') ?? 10)
const rate = Number(readFlag('rate') ?? 1_000)
const only = readFlag('only')
const mebibyte = 1024 * 1024
const rules = [{ pattern: 'prices/**', latestBy: 'key' }] as const
const random = createRandom(20_261_128)
let values = 0

const newValue = (): string => `${(values += 1)}`.padEnd(128, 'x')
const keyOf = (i: number): string => `key-${i}`

/** The publisher's own table. */
const table = new Map<string, string>()

async function post(hub: HubProcess, events: readonly object[]): Promise<void> {
  const answer = await fetch(`${hub.url}/publish`, { method: 'POST', body: JSON.stringify(events) })
  if (!answer.ok) throw new Error(`The hub answered ${answer.status}: ${await answer.text()}`)
}

async function fill(hub: HubProcess): Promise<void> {
  for (let from = 0; from < keyCount; from += 10_000) {
    const count = Math.min(10_000, keyCount - from)
    const events = Array.from({ length: count }, (_, i) => {
      const [key, data] = [keyOf(from + i), newValue()]
      table.set(key, data)
      return { topic: 'prices/eu', key, data }
    })
    await post(hub, events)
  }
}

/** Changes keys until it is told to stop; resolves to the number of changes. */
async function change(hub: HubProcess, isOver: () => boolean): Promise<number> {
  const began = performance.now()
  let changes = 0
  for (let step = 0; !isOver(); step++) {
    // Twenty steps a second.
    const wait = began + step * 50 - performance.now()
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    const count = Math.ceil(rate / 20)
    changes += count
    if (step % 10 === 9) {
      for (let i = 0; i < Math.min(count, 20); i++) {
        const key = keyOf(random.int(keyCount - 1))
        await fetch(`${hub.url}/topics/prices/eu/keys/${key}`, { method: 'DELETE' })
        table.delete(key)
      }
      continue
    }
    const events = Array.from({ length: count }, () => {
      const [key, data] = [keyOf(random.int(keyCount - 1)), newValue()]
      const ends = random.int(19) === 0
      if (ends) table.delete(key)
      else table.set(key, data)
      return { topic: 'prices/eu', key, data, ...(ends ? { ttl: '1s' } : {}) }
    })
    await post(hub, events)
  }
  return changes
}

const isEnd = ({ type, data }: DecodedEvent): boolean =>
  type === 'tidemark.snapshot' && data.includes('"end"')

interface Come {
  readonly stream: Streamed
  readonly tookMs: number
}

async function come(hub: HubProcess): Promise<Come> {
  const began = performance.now()
  const stream = await streamHttp(hub.port, '/events?topic=prices/eu&fields=key')
  // It leaves in the middle of the answer.
  stream.ended.catch(() => undefined)
  let looked = 0
  while (!stream.events.slice(looked).some(isEnd)) {
    looked = stream.events.length
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return { stream, tookMs: performance.now() - began }
}

/** The table that a client has made of its stream. */
function foldTable({ events }: Streamed): Map<string, string> {
  const made = new Map<string, string>()
  for (const { type, data, fields } of events) {
    const key = fields?.get('key') ?? ''
    if (type === 'message') made.set(key, data)
    if (type === 'tidemark.deleted') made.delete(key)
  }
  return made
}

function isSame(made: ReadonlyMap<string, string>): boolean {
  return made.size === table.size && [...table].every(([key, data]) => made.get(key) === data)
}

async function measureSnapshots(directory: string): Promise<void> {
  const args = ['--limits-sessions-per-user=none']
  const hub = await startHubProcess({ dataDirectory: `${directory}/hub`, args })
  try {
    const put = { method: 'PUT', body: JSON.stringify(rules) }
    await fetch(`${hub.url}/admin/rules/retention`, put)
    await fill(hub)
    const memory = (): number => readMemory([hub.pid ?? 0]).anonymousBytes / mebibyte
    const cpu = (): number => {
      const { userMs, systemMs } = readCpu([hub.pid ?? 0])
      return userMs + systemMs
    }
    const before = memory()
    const cpuBefore = cpu()
    const first = await come(hub)
    console.log(
      `${whole(keyCount)} keys, hub idle: snapshot in ${whole(first.tookMs)} ms, ${whole(cpu() - cpuBefore)} ms of CPU; memory ${whole(before)} MiB before, ${whole(memory())} MiB after`,
    )
    first.stream.leave()
    let isOver = false
    let peak = 0
    const cpuThen = cpu()
    const changing = change(hub, () => isOver)
    const clients = Promise.all(Array.from({ length: clientCount }, () => come(hub)))
    const looking = setInterval(() => (peak = Math.max(peak, memory())), 50)
    const came = await clients
    clearInterval(looking)
    const spent = cpu() - cpuThen
    // They follow it for a while, as long as all snapshots took.
    await new Promise((resolve) => setTimeout(resolve, 5_000))
    isOver = true
    const changes = await changing
    const times = came.map(({ tookMs }) => tookMs)
    console.log(
      `${clientCount} clients at once beside ${whole(changes)} changes at ${whole(rate)}/s: snapshot in ${whole(median(times))} ms, the longest ${whole(Math.max(...times))} ms; ${whole(spent)} ms of CPU; memory at most ${whole(peak)} MiB`,
    )
    for (const [i, { stream }] of came.entries()) {
      await waitUntil(`client ${i} has the publisher's table`, () => isSame(foldTable(stream)), {
        watch: () => stream.events.length,
      })
      stream.leave()
    }
    console.log(`all ${clientCount} clients have the publisher's table: ${whole(table.size)} keys`)
  } finally {
    await hub.kill('SIGKILL')
  }
}

/** An hour of changes, as fast as the log takes them. */
async function measureDisk(directory: string): Promise<void> {
  const log = await openLmdbLog({ directory: `${directory}/log`, retention: { rules } })
  let got = 0
  log.tail((await log.bounds()).head, { records: (records) => (got += records.length) })
  const total = 3_600 * rate
  const topic = parseTopic('prices/eu')
  let sent = 0
  const write = async (): Promise<void> => {
    while (sent < total) {
      const isFirst = sent < keyCount
      const events = Array.from({ length: 100 }, (_, i) => {
        const key = keyOf(isFirst ? (sent + i) % keyCount : random.int(keyCount - 1))
        return { topic, key, data: newValue() }
      })
      sent += events.length
      await log.append({ events })
    }
  }
  const writers = Promise.all(Array.from({ length: 8 }, write))
  let next = keyCount
  let largest = 0
  const tell = (size: number): void => {
    const { records, bytes } = log.stats()
    console.log(
      `${whole(sent)} events: ${whole(size / mebibyte)} MiB on disk, ${whole(records)} records of ${whole(bytes / mebibyte)} MiB`,
    )
  }
  const looking = setInterval(() => {
    const { allocated } = measureDirectory(`${directory}/log`)
    largest = Math.max(largest, allocated)
    if (sent < next) return
    next += total / 10
    tell(allocated)
  }, 100)
  await writers
  clearInterval(looking)
  await waitUntil('the tail has all', () => got === sent, { watch: () => got })
  tell(measureDirectory(`${directory}/log`).allocated)
  console.log(`the directory was ${whole(largest / mebibyte)} MiB at most`)
  await log.close()
}

await withDirectory(async (directory) => {
  if (only !== 'disk') await measureSnapshots(directory)
  if (only !== 'snapshots') await measureDisk(directory)
})
