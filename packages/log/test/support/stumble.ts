// A log of which one process sees what it can: its tails stand still, miss records or are overtaken, its reads and appends fail.

import { LogError } from '../../src/errors.ts'
import type {
  EventLog,
  EventRecord,
  NewBatch,
  Page,
  Position,
  TailHandler,
} from '../../src/index.ts'

export interface StumblingLog extends EventLog {
  /** From now on its tails are handed nothing. */
  stop(): void
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

export function stumble(log: EventLog): StumblingLog {
  const tails = new Set<{ readonly handler: TailHandler; moveTo(to: Position): void }>()
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
    close: () => log.close(),
    async read(query): Promise<Page> {
      if (failures === 0) return await log.read(query)
      failures -= 1
      throw new LogError('LOG_UNAVAILABLE', 'The disk is full.')
    },
    tail(after, handler) {
      let stoodAt = after
      const own = { handler, moveTo: (to: Position) => void (stoodAt = to) }
      tails.add(own)
      const inner = log.tail(after, {
        records(records) {
          if (isStopped) return
          stoodAt = records.at(-1)?.position ?? stoodAt
          handler.records(records.filter(isHanded))
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
    async overtake() {
      isStopped = false
      const { head } = await log.bounds()
      for (const { handler, moveTo } of [...tails]) {
        moveTo(head)
        handler.overtaken?.(head)
      }
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
