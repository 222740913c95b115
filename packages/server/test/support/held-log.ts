// A log whose tail is held back by the test: what another process has appended, but this node has not been handed yet.

import type { EventLog, Position, Tail, TailHandler } from '@tidemark/log'

export interface HeldLog {
  readonly log: EventLog
  /** Hands over up to `count` held deliveries, all by default. */
  release(count?: number): void
  /** What a process that stood still sees: the held deliveries are gone, the tail has moved up behind them. */
  overtake(): void
}

type Delivery = (handler: TailHandler) => void

export function holdTail(log: EventLog): HeldLog {
  let held: Delivery[] = []
  let handler: TailHandler | undefined
  let newest: Position | undefined
  return {
    log: {
      append: (batch) => log.append(batch),
      read: (query) => log.read(query),
      locate: (query) => log.locate(query),
      bounds: () => log.bounds(),
      close: () => log.close(),
      tail(after: Position, own: TailHandler): Tail {
        handler = own
        return log.tail(after, {
          records(records) {
            newest = records.at(-1)?.position
            for (const record of records) held.push((reader) => reader.records([record]))
          },
          overtaken(to) {
            newest = to
            held.push((reader) => reader.overtaken?.(to))
          },
        })
      },
    },
    release(count = held.length) {
      const due = held.slice(0, count)
      held = held.slice(count)
      for (const deliver of due) if (handler !== undefined) deliver(handler)
    },
    overtake() {
      held = []
      if (newest !== undefined) handler?.overtaken?.(newest)
    },
  }
}
