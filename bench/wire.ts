// Decoding speed, side by side with npm eventsource-parser in one process, and the proof of linear time.
//
// Run: npm run build && node bench/wire.ts
//
// Both get the same chunks, once as strings and once as bytes. Bytes go to ours as they are, to theirs
// through a streaming TextDecoder, as its README shows. Both handlers read one character of every
// event's data, so that neither is credited for joining texts later. Rounds alternate between the two;
// the ratio is the median over rounds of ours / theirs in throughput: above 1 ours is faster. `--quick`
// runs fewer rounds, `--only=text` the fixtures whose name holds the text.

import { createDecoder } from '@tidemark/wire'
import { createParser } from 'eventsource-parser'
import {
  aiTokens,
  hubEvents,
  hugeLine,
  jsonEvents,
  multiLineEvents,
  smallEvents,
  smallEventsCrlf,
} from '../packages/testkit/dist/wire-fixtures.js'
import type { WireFixture } from '../packages/testkit/dist/wire-fixtures.js'

const isQuick = process.argv.includes('--quick')
const only = process.argv
  .find((argument) => argument.startsWith('--only='))
  ?.slice('--only='.length)
const rounds = isQuick ? 9 : 31
const roundMs = isQuick ? 5 : 12

let seen = 0
const touch = (data: string): void => {
  seen += data.charCodeAt(data.length >> 1)
}

type Run = () => void

function oursWith(chunks: readonly (string | Uint8Array)[]): Run {
  return () => {
    const decoder = createDecoder({ event: (event) => touch(event.data) })
    for (const chunk of chunks) decoder.push(chunk)
    decoder.end()
  }
}

function theirsWithText(chunks: readonly string[]): Run {
  return () => {
    const parser = createParser({ onEvent: (event) => touch(event.data) })
    for (const chunk of chunks) parser.feed(chunk)
  }
}

function theirsWithBytes(chunks: readonly Uint8Array[]): Run {
  const streaming = { stream: true }
  return () => {
    const utf8 = new TextDecoder()
    const parser = createParser({ onEvent: (event) => touch(event.data) })
    for (const chunk of chunks) parser.feed(utf8.decode(chunk, streaming))
  }
}

/** Milliseconds per run, over `count` runs. */
function time(run: Run, count: number): number {
  const start = performance.now()
  for (let i = 0; i < count; i++) run()
  return (performance.now() - start) / count
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}

interface Result {
  readonly ours: number
  readonly theirs: number
  readonly ratio: number
}

function compare(ours: Run, theirs: Run): Result {
  time(ours, 20)
  time(theirs, 20)
  const count = Math.max(1, Math.ceil(roundMs / Math.max(time(ours, 3), time(theirs, 3))))
  const pairs: { ours: number; theirs: number }[] = []
  for (let round = 0; round < rounds; round++) {
    // The second one may pay for the first one's garbage: take turns.
    if (round % 2 === 0) pairs.push({ ours: time(ours, count), theirs: time(theirs, count) })
    else {
      const theirsFirst = time(theirs, count)
      pairs.push({ ours: time(ours, count), theirs: theirsFirst })
    }
  }
  return {
    ours: median(pairs.map((pair) => pair.ours)),
    theirs: median(pairs.map((pair) => pair.theirs)),
    ratio: median(pairs.map((pair) => pair.theirs / pair.ours)),
  }
}

function row(name: string, fixture: WireFixture, { ours, theirs, ratio }: Result): void {
  const megabytes = fixture.bytes.reduce((sum, chunk) => sum + chunk.length, 0) / 1e6
  const speed = (ms: number): string => `${((megabytes / ms) * 1000).toFixed(0)} MB/s`.padStart(10)
  console.log(`${name.padEnd(48)}${speed(ours)}${speed(theirs)}${ratio.toFixed(2).padStart(8)}`)
}

function linearity(): void {
  const small = 256 * 1024
  const run = (length: number): Run => oursWith(hugeLine(length, 1).bytes)
  const [one, four] = [run(small), run(4 * small)]
  time(one, 2)
  const ratios = Array.from({ length: isQuick ? 3 : 7 }, () => time(four, 1) / time(one, 1))
  console.log(
    `\nlinear time: a line of 1 MiB in 1-byte chunks takes ${median(ratios).toFixed(2)} times as long as one of 256 KiB (4 = linear, 16 = quadratic)`,
  )
}

console.log(
  `${'fixture'.padEnd(48)}${'ours'.padStart(10)}${'theirs'.padStart(10)}${'ratio'.padStart(8)}`,
)
for (const fixture of [
  smallEvents(5_000),
  smallEventsCrlf(5_000),
  hubEvents(2_000),
  aiTokens(2_000),
  jsonEvents(500),
  multiLineEvents(500),
  hugeLine(1024 * 1024, 4096),
  hugeLine(1024 * 1024, 64),
  hugeLine(64 * 1024, 1),
]) {
  if (only !== undefined && !fixture.name.includes(only)) continue
  row(
    `${fixture.name}, strings`,
    fixture,
    compare(oursWith(fixture.text), theirsWithText(fixture.text)),
  )
  row(
    `${fixture.name}, bytes`,
    fixture,
    compare(oursWith(fixture.bytes), theirsWithBytes(fixture.bytes)),
  )
}
if (only === undefined) linearity()
if (seen === 0) throw new Error('The handlers saw no data.')
