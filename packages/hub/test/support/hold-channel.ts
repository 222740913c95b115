// A supervising process whose worker's channel outlives the worker; run by worker-process.test.ts. It prints
// what it is told.

import { listChildren, waitUntil } from '@tidemark/testkit'
import { forkWorker } from '../../src/workers/worker-process.ts'

let holders: readonly number[] = []
const worker = forkWorker({
  heard: () => undefined,
  ended: (how) => {
    process.stdout.write(`The worker ${how}.\n`)
    for (const holder of holders) process.kill(holder, 'SIGKILL')
  },
})
await waitUntil('another process holds the channel', () => {
  holders = listChildren(worker.pid ?? 0)
  return holders.length > 0
})
worker.kill()
