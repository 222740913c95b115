// The program of a worker process; started by worker-process.ts, never by hand.

import type { Server, Socket } from 'node:net'
import process from 'node:process'
import { MessageChannel } from 'node:worker_threads'
import type { FromWorker, ListeningHandle, ToWorker } from './messages.ts'
import { Worker } from './worker.ts'

// The clock's timers hold no process, and a worker that drains after its supervisor has died may have nothing else left.
const keepAlive = new MessageChannel().port1
keepAlive.ref()

const worker = new Worker({ tell, exit })
process.on('message', (message, handle) => {
  const { kind } = message as ToWorker
  if (kind === 'copy') sendBack(handle as ListeningHandle | undefined)
  else worker.hear(message as ToWorker, handle as Socket | undefined)
})
// The supervising process has died: nobody hands over connections any more.
process.once('disconnect', () => void worker.drain())
// Ctrl-C reaches every process of a terminal's group. What it means is for the supervising process to say, once.
process.on('SIGHUP', stayUntilTold)
process.on('SIGINT', stayUntilTold)
process.on('SIGTERM', stayUntilTold)

function stayUntilTold(): void {
  if (!process.connected) process.exit(0)
}

/** The port must not stay taken by a worker, whose supervising process may be dying at this moment. */
function sendBack(handle: ListeningHandle | undefined): void {
  const message: FromWorker = { kind: 'copy' }
  const closeOwn = (): void => handle?.close()
  if (handle === undefined || !process.connected) closeOwn()
  else process.send?.(message, handle as unknown as Server, {}, closeOwn)
}

function tell(message: FromWorker): void {
  // A supervising process that has died needs no answer.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

function exit(exitCode: number): void {
  const end = (): void => process.exit(exitCode)
  if (!process.connected) end()
  process.once('disconnect', end)
  // Once this has left, all that was told before it has as well.
  process.send?.({ kind: 'drained' } satisfies FromWorker, undefined, undefined, end)
}
