// The cost of revocations: for each request that is checked, and for each look at all open sessions.
//
// Run: npm run build && npm run bench -- revocations [--rounds=9]
//
// An index holds none, 100, 10,000 and 100,000 revocations, half of them of tokens and half of users. 1,000
// bearers that are not revoked are looked up, the most that a request can cost. The ratio is against 100
// revocations in the same round. A look-up goes by names, so that only the processor's caches are missed.

import { RevocationIndex } from '../packages/access/dist/revocations/revocation-index.js'
import { readFlag } from './support/flags.ts'
import { median, tableRow } from './support/statistics.ts'

const rounds = Number(readFlag('rounds') ?? 9)
const counts: readonly number[] = [0, 100, 10_000, 100_000]
const widths = [14, 14, 10]
const looks = 200

const bearers = Array.from({ length: 1_000 }, (_, i) => ({
  user: `visitor-${i}`,
  claims: { jti: `fresh-${i}`, iss: 'https://login.example.org', iat: 1_760_000_000 },
}))

function fill(count: number): RevocationIndex {
  const index = new RevocationIndex()
  for (let i = 0; i < count; i++) {
    const name = i % 2 === 0 ? 'jti' : '$user'
    index.put(`key-${i}`, { name, value: `revoked-${i}`, at: 0, expiresAt: Infinity })
  }
  return index
}

/** Nanoseconds for each look-up. */
function measure(index: RevocationIndex): number {
  const began = performance.now()
  let found = 0
  for (let look = 0; look < looks; look++)
    for (const bearer of bearers) if (index.find(bearer) !== undefined) found += 1
  if (found > 0) throw new Error('Nobody of these is revoked.')
  return ((performance.now() - began) * 1e6) / (looks * bearers.length)
}

const rows = counts.map((count) => ({ count, index: fill(count), times: [] as number[] }))
for (const { index } of rows) measure(index)
for (let round = 0; round < rounds; round++)
  for (const { index, times } of rows) times.push(measure(index))

console.log(tableRow(['revocations', 'ns/look-up', 'ratio'], widths))
const hundred = rows[1]
for (const { count, times } of rows) {
  const ratios = times.map((time, i) => time / (hundred?.times[i] ?? time))
  const cells = [String(count), median(times).toFixed(0), median(ratios).toFixed(2)]
  console.log(tableRow(cells, widths))
}
