// The cost of a commit to the disk alone, by how long nobody has written before. No code of ours
// changes this part of a durable publish.
//
// Run: npm run bench -- flush [--rounds=15]
//
// LMDB writes the pages of a commit, flushes, writes the page that makes them valid, and flushes again.
// The same is done here with 12 KiB and 4 KiB of a file of its own, after pauses. Caches, cores and
// disk cool down in one. Milliseconds, with nothing else going on.

import { closeSync, fdatasyncSync, fsyncSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { withDirectory } from './support/directory.ts'
import { readFlag } from './support/flags.ts'
import { quantile, tableRow } from './support/statistics.ts'

const pageBytes = 4_096
const dataPages = 3
const pausesMs: readonly number[] = [0, 50, 1_000]
const rounds = Number(readFlag('rounds') ?? 15)
const widths = [24, 10, 10]

/** Milliseconds of each commit. */
async function measure(file: number, pauseMs: number): Promise<readonly number[]> {
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    await sleep(pauseMs)
    const pages = Buffer.alloc(dataPages * pageBytes, round)
    const startedAt = performance.now()
    writeSync(file, pages, 0, pages.length, pageBytes)
    fdatasyncSync(file)
    writeSync(file, pages, 0, pageBytes, 0)
    fdatasyncSync(file)
    times.push(performance.now() - startedAt)
  }
  return times
}

await withDirectory(async (directory) => {
  const file = openSync(join(directory, 'commits'), 'w+')
  try {
    writeSync(file, Buffer.alloc((dataPages + 1) * pageBytes))
    fsyncSync(file)
    // Once for the code, which nobody asks about.
    await measure(file, 0)
    console.log(tableRow(['pause before a commit', 'p50 ms', 'p90 ms'], widths))
    for (const pauseMs of pausesMs) {
      const times = await measure(file, pauseMs)
      const figures = [0.5, 0.9].map((share) => quantile(times, share).toFixed(2))
      console.log(tableRow([`${pauseMs} ms`, ...figures], widths))
    }
  } finally {
    closeSync(file)
  }
})
