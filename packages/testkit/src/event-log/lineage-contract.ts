// The contract of a history that is copied: no cursor of another one is taken for exact, and none
// of its own for foreign.

import { formatCursor } from '@tidemark/log'
import type { EventLog, Position } from '@tidemark/log'
import fc from 'fast-check'
import { expect, test } from 'vitest'

import { event, readWhole } from './harness.ts'
import type { Bench, DataCopy, EventLogHarness, OpenBench } from './harness.ts'

/** A client that has seen `seen` and stands behind the last of it. */
interface Cursor {
  readonly position: Position
  readonly seen: readonly string[]
}

/** One line of writing. */
class Line {
  readonly cursors: Cursor[] = []
  #log: EventLog
  #data: DataCopy
  #events: readonly string[] = []

  constructor(log: EventLog, data: DataCopy) {
    this.#log = log
    this.#data = data
  }

  get log(): EventLog {
    return this.#log
  }

  get events(): readonly string[] {
    return this.#events
  }

  async publish(name: string, count: number): Promise<void> {
    for (let i = 1; i <= count; i++) {
      await this.#log.append({ events: [event('a', `${name}${i}`)] })
      this.#events = [...this.#events, `${name}${i}`]
      await this.note()
    }
  }

  /** Notes what a client that is up to date holds now. */
  async note(): Promise<void> {
    const { head } = await this.#log.bounds()
    this.cursors.push({ position: head, seen: this.#events })
  }

  /** Closes the log and opens it again, on its own data or on a copy. */
  async restart(data: DataCopy = this.#data): Promise<void> {
    await this.#log.close()
    this.#data = data
    this.#log = await data.open()
    await this.note()
  }

  /** Another line that goes on from a copy of what this one holds now. */
  async fork(copy: DataCopy): Promise<Line> {
    const line = new Line(await copy.open(), copy)
    line.#events = this.#events
    await line.note()
    return line
  }

  restoredTo(events: readonly string[]): void {
    this.#events = events
  }
}

function commonLength(a: readonly string[], b: readonly string[]): number {
  let length = 0
  while (length < a.length && a[length] === b[length]) length += 1
  return length
}

/** Resumes a client with this cursor on a line. */
async function resume(
  { log }: Line,
  { position }: Cursor,
): Promise<{ readonly data: readonly string[]; readonly isExact: boolean }> {
  const { data, losses } = await readWhole(log, ['a'], { after: position })
  for (const { reason, from } of losses) {
    expect(['epoch', 'ahead']).toContain(reason)
    expect(formatCursor(from)).toBe(formatCursor(position))
  }
  return { data, isExact: losses.length === 0 }
}

/** The line of a log that was just opened. */
function startLine({ log, harness }: Pick<Bench, 'log' | 'harness'>): Line {
  const open = (): Promise<EventLog> => {
    if (harness.reopen === undefined) throw new Error('A harness that can copy must have reopen.')
    return harness.reopen()
  }
  return new Line(log, { open })
}

function requireCopy(harness: EventLogHarness): NonNullable<EventLogHarness['copy']> {
  if (harness.copy === undefined) throw new Error('The harness lost its copy.')
  return harness.copy
}

export function describeLineage(open: OpenBench): void {
  describeCopies(open)
  describeModel(open)
  test('a restored backup tells every client that has seen more, and gives it all that came since', async () => {
    const { log, harness } = await open()
    const line = startLine({ log, harness })
    await line.publish('before', 5)
    const backup = await requireCopy(harness)()
    await line.publish('lost', 5)
    const old = [...line.cursors]
    await line.restart(backup)
    line.restoredTo(line.events.slice(0, 5))
    await line.publish('since', 6)
    for (const cursor of old) {
      const { data, isExact } = await resume(line, cursor)
      const seen = Math.min(cursor.seen.length, 5)
      expect(isExact).toBe(cursor.seen.length <= 5)
      expect(data).toEqual(line.events.slice(seen))
    }
  })

  test('an idempotency key that was acknowledged behind the backup is unknown after it was restored', async () => {
    const { log, harness } = await open()
    const line = startLine({ log, harness })
    await log.append({ events: [event('a', 'kept')], idempotencyKey: 'before' })
    const backup = await requireCopy(harness)()
    await log.append({ events: [event('a', 'lost')], idempotencyKey: 'after' })
    await line.restart(backup)
    await line.log.append({ events: [event('a', 'kept')], idempotencyKey: 'before' })
    await line.log.append({ events: [event('a', 'other')], idempotencyKey: 'after' })
    const { first } = await line.log.bounds()
    expect((await readWhole(line.log, ['a'], { after: first })).data).toEqual(['kept', 'other'])
  })
}

function describeCopies(open: OpenBench): void {
  test.each([0, 1, 2])(
    'a copy used beside its original, both restarted %i times, takes none of its cursors for exact, nor the original the copy’s',
    async (restarts) => {
      const { log, harness } = await open()
      const original = startLine({ log, harness })
      await original.publish('both', 4)
      const copy = await original.fork(await requireCopy(harness)())
      for (let i = 0; i <= restarts; i++) {
        for (const [name, line] of Object.entries({ original, copy })) {
          if (i > 0) await line.restart()
          await line.publish(`${name} ${i}.`, 3)
        }
      }
      const nested = await copy.fork(await requireCopy(harness)(copy.log))
      await copy.publish('more', 2)
      await nested.publish('nested', 2)
      const lines = [original, copy, nested]
      for (const line of lines) {
        for (const owner of lines) {
          // The original knows nothing of the copy that the nested one was taken of: there it may
          // begin earlier.
          const mayBeEarly = line === original && owner === nested
          for (const cursor of owner.cursors) await compare(line, cursor, { mayBeEarly })
        }
      }
    },
  )

  test('a history that is only restarted tells no gap, whatever has or has not been written in between', async () => {
    const { log, harness } = await open()
    const line = startLine({ log, harness })
    await line.note()
    for (const count of [0, 2, 0, 0, 1]) {
      await line.publish(`of ${line.cursors.length}: `, count)
      await line.restart()
      await line.restart(await requireCopy(harness)(line.log))
    }
    for (const cursor of line.cursors) {
      expect(await resume(line, cursor)).toEqual({
        data: line.events.slice(cursor.seen.length),
        isExact: true,
      })
    }
  })
}

type Step =
  | { readonly do: 'publish'; readonly line: number; readonly count: number }
  | { readonly do: 'restart' | 'fork'; readonly line: number }

const lineOf = fc.nat(2)
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('publish'), line: lineOf, count: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ do: fc.constantFrom('restart', 'fork'), line: lineOf }),
  ),
  { maxLength: 12 },
)

function describeModel(open: OpenBench): void {
  test('of any tree of copies, each cursor is exact just where its owner has seen what is there', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (taken) => {
        const { log, harness, clock } = await open()
        const lines = [startLine({ log, harness })]
        for (const [i, step] of taken.entries()) {
          clock.advance(1)
          const line = lines[step.line % lines.length]
          if (line === undefined) continue
          if (step.do === 'publish') await line.publish(`${i}.`, step.count)
          else if (step.do === 'restart') await line.restart()
          else if (lines.length < 3) {
            lines.push(await line.fork(await requireCopy(harness)(line.log)))
          }
        }
        for (const line of lines) {
          for (const cursor of lines.flatMap(({ cursors }) => cursors))
            await compare(line, cursor, { mayBeEarly: true })
        }
      }),
      { numRuns: 8 },
    )
  })
}

/** A client must get of a line all that it has not seen, or after a gap everything since the two parted. */
async function compare(
  line: Line,
  cursor: Cursor,
  { mayBeEarly }: { readonly mayBeEarly: boolean },
): Promise<void> {
  const common = commonLength(cursor.seen, line.events)
  const { data, isExact } = await resume(line, cursor)
  expect(isExact).toBe(common === cursor.seen.length)
  const begin = line.events.length - data.length
  expect(data).toEqual(line.events.slice(begin))
  if (mayBeEarly && !isExact) expect(begin).toBeLessThanOrEqual(common)
  else expect(begin).toBe(common)
}
