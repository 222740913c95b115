// A log as a node sees it whose tail is late: what the tail hands over waits until a test lets it through.

import type { EventLog, Position } from '@tidemark/log'

export class LateTail {
  #isLate = false
  /** Whether it ever was; what is now for such a node is the past of others. */
  wasLate = false
  #waiting: (() => void)[] = []

  /** The log for one node. */
  of(log: EventLog): EventLog {
    return {
      append: (batch) => log.append(batch),
      read: (query) => log.read(query),
      locate: (...query) => log.locate(...query),
      bounds: () => log.bounds(),
      retention: log.retention,
      ruleFor: (topic) => log.ruleFor(topic),
      close: () => log.close(),
      tail: (after, handler) => {
        let position: Position = after
        const tail = log.tail(after, {
          records: (records) =>
            this.#pass(() => {
              position = records.at(-1)?.position ?? position
              handler.records(records)
            }),
          overtaken: (to) =>
            this.#pass(() => {
              position = to
              handler.overtaken?.(to)
            }),
        })
        return {
          get position() {
            return position
          },
          close: () => tail.close(),
        }
      },
    }
  }

  delay(): void {
    this.#isLate = true
    this.wasLate = true
  }

  catchUp(): void {
    this.#isLate = false
    for (const task of this.#waiting.splice(0)) task()
  }

  #pass(task: () => void): void {
    if (this.#isLate) this.#waiting.push(task)
    else task()
  }
}
