// A log whose tail is held back by the test: what another process has appended, but this node has not been handed yet.

import type { EventLog, Position, Tail, TailHandler } from '@tidemark/log'

export interface HeldLog {
  readonly log: EventLog
  /** Hands over up to `count` held deliveries, all by default. */
  release(count?: number): void
}

type Delivery = (handler: TailHandler) => void

export function holdTail(log: EventLog): HeldLog {
  let held: Delivery[] = []
  let handler: TailHandler | undefined
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
          records: (records) =>
            held.push(
              ...records.map(
                (record): Delivery =>
                  (to) =>
                    to.records([record]),
              ),
            ),
          overtaken: (to) => held.push((own) => own.overtaken?.(to)),
        })
      },
    },
    release(count = held.length) {
      const due = held.slice(0, count)
      held = held.slice(count)
      for (const deliver of due) if (handler !== undefined) deliver(handler)
    },
  }
}
