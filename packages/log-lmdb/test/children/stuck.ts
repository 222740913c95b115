// A process whose appends wait for a write lock that somebody else holds. It goes on with each line
// of its input, and exits when that ends. Argument: directory.

import { createInterface } from 'node:readline'
import { openLmdbLog } from '@tidemark/log-lmdb'
import { LogError, parseTopic } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { beginWaitMs } from '../../src/limits.ts'

const say = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const [directory = ''] = process.argv.slice(2)
const clock = createFakeClock()
const log = await openLmdbLog({ directory, clock })
say({ step: 'open' })
for await (const step of createInterface({ input: process.stdin })) {
  if (step === 'close') {
    const closed = log.close()
    // Closing has asked for its transaction by then.
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(beginWaitMs)
    await closed
    break
  }
  const appended = log
    .append({ events: [{ topic: parseTopic('a'), data: step }] })
    .then(() => 'stored')
    .catch((error: unknown) => (error instanceof LogError ? error.code : String(error)))
  if (step === 'wait too long') clock.advance(beginWaitMs)
  say({ step, outcome: await appended, isStuck: log.isStuck })
}
process.exit(3)
