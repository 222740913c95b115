// A supervising process that sees the end of a worker before the end of the worker's messages; run by
// worker-process.test.ts. It has nothing else to do, and prints what it is told.

import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { isRunning } from '@tidemark/testkit'
import type { ListeningHandle } from '../../src/workers/messages.ts'
import { forkWorker } from '../../src/workers/worker-process.ts'

const server = createServer()
server.listen(0, '127.0.0.1', () => {
  // A handle goes to the worker and comes back.
  const { _handle: handle } = server as unknown as { readonly _handle: ListeningHandle }
  worker.copy(handle)
})
const worker = forkWorker({
  heard: (_, handle) => {
    ;(handle as ListeningHandle).close()
    server.close(endTogether)
  },
  ended: (how) => process.stdout.write(`The worker ${how}.\n`),
})

/**
 * Node learns of ended processes last in each turn, and of all of them at once. So it learns of a worker that
 * ends in the same turn, before it looks at the worker's channel again.
 */
function endTogether(): void {
  const other = spawn('cat', { stdio: ['pipe', 'pipe', 'ignore'] })
  other.stdout.resume().once('end', () => killAtOnce(worker.pid))
  killAtOnce(other.pid)
}

/** Nothing else happens in this process meanwhile. A process has ended when its last thread has. */
function killAtOnce(pid: number | undefined): void {
  if (pid === undefined) throw new Error('There is no process.')
  process.kill(pid, 'SIGKILL')
  while (isRunning(pid) || readdirSync(`/proc/${pid}/task`).length > 1);
}
