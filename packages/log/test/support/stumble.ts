// A log with faults that one process can see: tails that stand still, miss records or are
// overtaken, failing reads and appends.

import { LogError } from '../../src/errors.ts'
import { comparePositions, formatCursor, parseCursor } from '../../src/index.ts'
import type { EventLog, EventRecord, NewBatch, Page, Position } from '../../src/index.ts'

export interface StumblingLog extends EventLog {
  /** From now on its tails are handed nothing. */
  stop(): void
  /** Its tails are handed what they have missed, but for what was superseded meanwhile. */
  resume(): void
  /** Its tails go on from the head, and are told so. */
  overtake(): Promise<void>
  /** Its tails are handed only such records: the others were superseded before they looked. */
  handOnly(isHanded: (record: EventRecord) => boolean): void
  /** So many reads fail. */
  failReads(count: number): void
  /** Called before each append, which waits for it. */
  beforeAppend(hook: (batch: NewBatch) => Promise<void> | void): void
  /** Tails that are open. */
  readonly tailCount: number
}

interface StumblingTail {
  resume(): void
  overtake(to: Position): void
}

/** A log on a disk makes positions anew with each read. */
function copyPositions(page: Page): Page {
  const copy = (position: Position): Position =>
    parseCursor(formatCursor(position))?.position ?? position
  return {
    ...page,
    records: page.records.map((record) => ({ ...record, position: copy(record.position) })),
  }
}

function nameOf({ topic, key }: EventRecord): string {
  return `${topic} ${key}`
}

export function stumble(log: EventLog): StumblingLog {
  const tails = new Set<StumblingTail>()
  let isStopped = false
  let failures = 0
  let hook: (batch: NewBatch) => Promise<void> | void = () => undefined
  let isHanded: (record: EventRecord) => boolean = () => true
  return {
    async append(batch) {
      await hook(batch)
      return await log.append(batch)
    },
    locate: (query) => log.locate(query),
    bounds: () => log.bounds(),
    retention: log.retention,
    ruleFor: (topic) => log.ruleFor(topic),
    close: () => log.close(),
    async read(query): Promise<Page> {
      if (failures === 0) return copyPositions(await log.read(query))
      failures -= 1
      throw new LogError('LOG_UNAVAILABLE', 'The disk is full.')
    },
    tail(after, handler) {
      let stoodAt = after
      const missed: EventRecord[] = []
      const newest = new Map<string, EventRecord>()
      const own: StumblingTail = {
        resume() {
          const last = missed.at(-1)
          const left = missed.filter((record) => newest.get(nameOf(record)) === record)
          missed.length = 0
          if (last === undefined) return
          stoodAt = left.at(-1)?.position ?? last.position
          if (left.length > 0) handler.records(left)
        },
        overtake(to) {
          missed.length = 0
          if (comparePositions(to, stoodAt) > 0) stoodAt = to
          handler.overtaken?.(to)
        },
      }
      tails.add(own)
      const inner = log.tail(after, {
        records(all) {
          // The records that overtook it are behind it, though the log hands them over a moment later.
          const records = all.filter(({ position }) => comparePositions(position, stoodAt) > 0)
          for (const record of records) newest.set(nameOf(record), record)
          if (isStopped) {
            for (const record of records) missed.push(record)
            return
          }
          stoodAt = records.at(-1)?.position ?? stoodAt
          const handed = records.filter(isHanded)
          if (handed.length > 0) handler.records(handed)
        },
      })
      return {
        get position() {
          return stoodAt
        },
        close() {
          tails.delete(own)
          inner.close()
        },
      }
    },
    stop: () => void (isStopped = true),
    resume() {
      isStopped = false
      for (const tail of [...tails]) tail.resume()
    },
    async overtake() {
      isStopped = false
      const { head } = await log.bounds()
      for (const tail of [...tails]) tail.overtake(head)
    },
    handOnly: (wanted) => void (isHanded = wanted),
    failReads: (count) => void (failures = count),
    beforeAppend: (next) => void (hook = next),
    get tailCount() {
      return tails.size
    },
  }
}

/** Lets what waits for no clock come to its end. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve()
}
