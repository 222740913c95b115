// The memory log: the contract of all drivers, and what is its own.

import { describeEventLog } from '@tidemark/testkit'
import type { EventLogHarness, FakeClock } from '@tidemark/testkit'

import type { EventLog } from '../src/event-log.ts'
import { memoryLog } from '../src/memory-log.ts'

describeEventLog('the memory log', createHarness, { modelRuns: 300 })

function createHarness(): EventLogHarness {
  let log: EventLog | undefined
  let clock: FakeClock | undefined
  return {
    async open(options) {
      clock = options.clock
      log = memoryLog({ ...options, onHandlerError: () => {} })
      return log
    },
    async flushRetention() {
      clock?.advance(2_000)
    },
    async dispose() {
      await log?.close()
    },
  }
}
