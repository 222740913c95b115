// A tail's handler that remembers what it got and can be waited for.

import { comparePositions } from '@tidemark/log'
import type { EventLog, EventRecord, Position, Tail } from '@tidemark/log'

export interface TailRecorder {
  readonly tail: Tail
  readonly records: readonly EventRecord[]
  readonly batches: readonly (readonly EventRecord[])[]
  readonly overtaken: readonly Position[]
  /** `tail.position` at each call was that of the batch's last record. */
  readonly isPositionRight: boolean
  /** Resolves once the tail has reached `position`. */
  reached(position: Position): Promise<void>
}

/** Tails a log from `after`; `onBatch` runs inside the handler. */
export function recordTail(
  log: EventLog,
  after: Position,
  onBatch: (records: readonly EventRecord[]) => void = () => {},
): TailRecorder {
  const batches: (readonly EventRecord[])[] = []
  const overtaken: Position[] = []
  const waiting: { position: Position; resolve: () => void }[] = []
  let isPositionRight = true
  const wake = (): void => {
    for (const { position, resolve } of waiting) {
      if (comparePositions(tail.position, position) >= 0) resolve()
    }
  }
  const tail = log.tail(after, {
    records(records) {
      batches.push(records)
      const last = records.at(-1)
      if (last === undefined || comparePositions(last.position, tail.position) !== 0)
        isPositionRight = false
      wake()
      onBatch(records)
    },
    overtaken(to) {
      overtaken.push(to)
      wake()
    },
  })
  return {
    tail,
    batches,
    overtaken,
    get records() {
      return batches.flat()
    },
    get isPositionRight() {
      return isPositionRight
    },
    reached: (position) =>
      new Promise((resolve) => {
        waiting.push({ position, resolve })
        wake()
      }),
  }
}
