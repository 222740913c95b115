// A replay that waits for its turn to write a large event from the log, and finds the event in memory when
// the turn comes. Prints what happened to it. A process of its own, because the harm is one that stops every
// timer.

import { setImmediate as settle } from 'node:timers/promises'
import { memoryLog, parseTopic } from '@tidemark/log'
import { createTidemark } from '../../src/index.ts'
import { parseSubscriptionBody } from '../../src/hub/index.ts'
import { eventBytesMax, largeWriteBytesMax } from '../../src/limits.ts'
import { KeepingSink } from '../support/keeping-sink.ts'

const log = memoryLog()
await log.append({ events: [{ topic: parseTopic('a'), data: 'before the node began' }] })
const tide = createTidemark({ log })
await tide.ready
await tide.publish('a', { data: 'x'.repeat(eventBytesMax) })

const open = async (sink: KeepingSink): Promise<void> => {
  await tide.open(sink, parseSubscriptionBody({ topics: ['a'], since: 'earliest' }))
}
const settleAll = async (turns: number): Promise<void> => {
  for (let turn = 0; turn < turns; turn++) await settle()
}

const places = Math.floor(largeWriteBytesMax / eventBytesMax)
const stalled = Array.from({ length: places }, () => new KeepingSink(true))
for (const sink of stalled) await open(sink)
await settleAll(4 * places)
const waiting = new KeepingSink()
await open(waiting)
await settleAll(20)
const bytes = (): number => waiting.blocks.reduce((sum, block) => sum + block.bytes.length, 0)
process.stdout.write(`${bytes() > eventBytesMax ? 'served' : 'waits'}\n`)
for (const sink of stalled.slice(0, 2)) sink.drain()
await settleAll(20)
process.stdout.write(`${bytes() > eventBytesMax ? 'served' : 'waits'}\n`)
process.exit(0)
