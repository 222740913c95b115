// Appends to the LMDB log: what group commit makes of many publishers, beside what the disk itself can flush.
//
// Run: npm run build && npm run bench -- log-lmdb
//
// Each row appends events of 128 bytes for a while. 1, 64 and 256 publishers have one event per append
// and wait for each answer; one publisher has batches of 1,000. The last row writes 4 KiB to a file and
// flushes it, over and over: no durable append can be quicker than that. Rounds take turns through all
// rows, so that a noisy moment falls on all alike. The figures are medians over the rounds, and the
// ratio is against one publisher of the same round. `--quick` runs fewer rounds, `--durability=commit`
// the other durability.

import { join } from 'node:path'
import { parseTopic } from '@tidemark/log'
import type { NewEvent } from '@tidemark/log'
import { openLmdbLog } from '@tidemark/log-lmdb'
import type { LmdbEventLog } from '@tidemark/log-lmdb'
import { withDirectory } from './support/directory.ts'
import { measureFlushMs } from './support/flushes.ts'
import { median, tableRow, whole } from './support/statistics.ts'

const isQuick = process.argv.includes('--quick')
const durability = process.argv.includes('--durability=commit') ? 'commit' : 'fsync'
const rounds = isQuick ? 3 : 9
const roundMs = isQuick ? 200 : 500
const data = 'x'.repeat(128)

interface Row {
  readonly name: string
  readonly publishers: number
  readonly batch: number
}

interface Round {
  readonly eventsPerSecond: number
  readonly eventsPerCommit: number
  readonly appendMs: number
}

const rows: readonly Row[] = [
  { name: '1 publisher', publishers: 1, batch: 1 },
  { name: '64 publishers', publishers: 64, batch: 1 },
  { name: '256 publishers', publishers: 256, batch: 1 },
  { name: '1 publisher, batches of 1,000', publishers: 1, batch: 1_000 },
]

async function measure(log: LmdbEventLog, { publishers, batch }: Row): Promise<Round> {
  const events: NewEvent[] = Array.from({ length: batch }, (_, i) => ({
    topic: parseTopic(`bench/${i % 100}`),
    data,
  }))
  const before = log.stats()
  const start = performance.now()
  const publish = async (): Promise<void> => {
    while (performance.now() - start < roundMs) await log.append({ events })
  }
  await Promise.all(Array.from({ length: publishers }, publish))
  const elapsedMs = performance.now() - start
  const after = log.stats()
  const stored = after.events - before.events
  return {
    eventsPerSecond: (stored / elapsedMs) * 1_000,
    eventsPerCommit: stored / (after.commits - before.commits),
    appendMs: (elapsedMs * publishers) / (after.batches - before.batches),
  }
}

await withDirectory(async (directory) => {
  const log = await openLmdbLog({ directory: join(directory, 'log'), durability })
  const results = rows.map((): Round[] => [])
  const flushMs: number[] = []
  for (let i = 0; i < rounds; i++) {
    for (const [j, row] of rows.entries()) results[j]?.push(await measure(log, row))
    flushMs.push(measureFlushMs(directory, roundMs))
  }
  await log.close()
  const widths = [32, 14, 16, 16, 12]
  console.log(`LMDB log, durability ${durability}, ${rounds} rounds of ${roundMs} ms`)
  console.log(tableRow(['', 'events/s', 'events/commit', 'ms per append', 'ratio'], widths))
  for (const [j, { name }] of rows.entries()) {
    const own = results[j] ?? []
    const ratios = own.map(
      (round, i) => round.eventsPerSecond / (results[0]?.[i]?.eventsPerSecond ?? Number.NaN),
    )
    const cells = [
      name,
      whole(median(own.map(({ eventsPerSecond }) => eventsPerSecond))),
      median(own.map(({ eventsPerCommit }) => eventsPerCommit)).toFixed(1),
      median(own.map(({ appendMs }) => appendMs)).toFixed(2),
      `${median(ratios).toFixed(1)}×`,
    ]
    console.log(tableRow(cells, widths))
  }
  console.log(
    tableRow(['the disk: write 4 KiB and flush', '', '', median(flushMs).toFixed(2)], widths),
  )
})
