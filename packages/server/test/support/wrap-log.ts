// A log like another, with some of its methods replaced.

import type { EventLog } from '@tidemark/log'

export function wrapLog(log: EventLog, part: Partial<EventLog>): EventLog {
  return {
    append: (batch) => log.append(batch),
    read: (query) => log.read(query),
    tail: (after, handler) => log.tail(after, handler),
    locate: (query) => log.locate(query),
    bounds: () => log.bounds(),
    retention: log.retention,
    ruleFor: (topic) => log.ruleFor(topic),
    close: () => log.close(),
    ...part,
  }
}
