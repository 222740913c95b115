// A log whose tail is held back by the test: what another process has appended, but this node has not been
// handed yet.

import type { EventLog, Position, Tail, TailHandler } from '@tidemark/log'

export interface HeldLog {
  readonly log: EventLog
  /** Hands over up to `count` held deliveries, all by default. */
  release(count?: number): void
  /**
   * Shows the tails of a process that stood still: the held deliveries are gone, and the tail has moved up
   * behind them.
   */
  overtake(): void
}

/**
 * One message to one tail of the log. A node has a tail of its own for sessions, and one for rules while
 * it starts.
 */
interface Delivery {
  readonly own: TailHandler
  readonly deliver: () => void
}

/** A tail that has not been closed. */
interface OpenTail {
  /** Moves it up without the records between. */
  overtake(to: Position): void
}

export function holdTail(log: EventLog): HeldLog {
  let held: Delivery[] = []
  let open: readonly OpenTail[] = []
  let newest: Position | undefined
  return {
    log: {
      append: (batch) => log.append(batch),
      read: (query) => log.read(query),
      locate: (query) => log.locate(query),
      bounds: () => log.bounds(),
      retention: log.retention,
      ruleFor: (topic) => log.ruleFor(topic),
      close: () => log.close(),
      tail(after: Position, own: TailHandler): Tail {
        let handedTo: Position | undefined
        const opened: OpenTail = {
          overtake(to) {
            handedTo = to
            own.overtaken?.(to)
          },
        }
        open = [...open, opened]
        const tail = log.tail(after, {
          records(records) {
            newest = records.at(-1)?.position
            for (const record of records) {
              const deliver = (): void => {
                handedTo = record.position
                own.records([record])
              }
              held.push({ own, deliver })
            }
          },
          overtaken(to) {
            newest = to
            const deliver = (): void => {
              handedTo = to
              own.overtaken?.(to)
            }
            held.push({ own, deliver })
          },
        })
        const begun = tail.position
        return {
          get position() {
            return handedTo ?? begun
          },
          close() {
            held = held.filter((delivery) => delivery.own !== own)
            open = open.filter((other) => other !== opened)
            tail.close()
          },
        }
      },
    },
    release(count = held.length) {
      const due = held.slice(0, count)
      held = held.slice(count)
      for (const { deliver } of due) deliver()
    },
    overtake() {
      held = []
      if (newest === undefined) return
      for (const tail of open) tail.overtake(newest)
    },
  }
}
