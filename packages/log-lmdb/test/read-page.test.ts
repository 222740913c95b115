// Pages of patterns with many topics: whichever way they are read, they hold what matches, once and in order.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatCursor, parseTopic, parseTopicSet } from '@tidemark/log'
import type { EventRecord, NewEvent, Position } from '@tidemark/log'
import { createRandom } from '@tidemark/testkit'
import type { LmdbEventLog } from '../src/index.ts'
import { makeDirectory, openAt, removeDirectory } from './lmdb-harness.ts'

const seed = Number(process.env['TIDEMARK_SEED'] ?? 7)
const families = ['busy', 'rare', 'early'] as const
/** Above `topicsVisitedMax`, so that pages begin with a look at the range. */
const topicsPerFamily = 400
const eventCount = 6_000

let directory = ''
let log: LmdbEventLog
let all: readonly { readonly cursor: string; readonly topic: string }[] = []
let positions: readonly Position[] = []

beforeAll(async () => {
  directory = await makeDirectory()
  log = await openAt(directory, { durability: 'commit' })
  const random = createRandom(seed)
  const events: NewEvent[] = Array.from({ length: eventCount }, (_, i) => {
    const family = i < topicsPerFamily * 2 ? random.pick(families) : pickLate(random.next())
    return { topic: parseTopic(`${family}/${random.int(topicsPerFamily - 1)}`), data: 'x' }
  })
  positions = await log.append({ events })
  all = events.map(({ topic }, i) => ({ cursor: cursorAt(i), topic }))
})

afterAll(async () => {
  await log.close()
  await removeDirectory(directory)
})

/** `early` is quiet later on; of `rare` there is one in 200. */
function pickLate(share: number): (typeof families)[number] {
  return share < 0.005 ? 'rare' : 'busy'
}

function cursorAt(index: number): string {
  const position = positions[index]
  if (position === undefined) throw new Error(`There is no event ${index}.`)
  return formatCursor(position)
}

async function readAll(
  names: readonly string[],
  after: Position,
  limit: number,
): Promise<readonly EventRecord[]> {
  const topics = parseTopicSet(names)
  const { head } = await log.bounds()
  const found: EventRecord[] = []
  let next = after
  while (formatCursor(next) !== formatCursor(head)) {
    const page = await log.read({ topics, after: next, upTo: head, limit })
    expect(page.records.length).toBeLessThanOrEqual(limit)
    // A page that does not move on would be asked for for ever.
    expect(formatCursor(page.next)).not.toBe(formatCursor(next))
    found.push(...page.records)
    next = page.next
  }
  return found
}

describe.each([
  ['a pattern that matches nearly everything', ['busy/*']],
  ['a pattern that matches one in 200', ['rare/*']],
  ['a pattern whose topics have been quiet since', ['early/*']],
  ['everything', ['**']],
  ['a pattern and exact topics', ['rare/*', 'busy/1', 'early/2']],
])('%s', (_, names) => {
  test.each([1_000, 256, 7])(
    'gives the same records in pages of %i as a filter does',
    async (limit) => {
      const { first } = await log.bounds()
      const middle = positions[eventCount >> 1] ?? first
      const topics = parseTopicSet(names)
      for (const [start, from] of [
        [first, 0],
        [middle, (eventCount >> 1) + 1],
      ] as const) {
        const expected = all
          .slice(from)
          .filter(({ topic }) => topics.matches(parseTopic(topic)))
          .map(({ cursor }) => cursor)
        const found = await readAll(names, start, limit)
        expect(
          found.map(({ position }) => formatCursor(position)),
          `seed ${seed}`,
        ).toEqual(expected)
      }
    },
  )
})
