// The program of a worker process; started by worker-process.ts, never by hand.

import type { Server, Socket } from 'node:net'
import process from 'node:process'
import { MessageChannel } from 'node:worker_threads'
import type { FromWorker, ListeningHandle, ToWorker } from './messages.ts'
import { Worker } from './worker.ts'

// Keeps this process alive while it drains. The clock's timers do not, and after its supervisor's
// death there may be nothing else.
const keepAlive = new MessageChannel().port1
keepAlive.ref()

const worker = new Worker({ tell, exit })
process.on('message', (message, handle) => {
  const { kind } = message as ToWorker
  if (kind === 'copy') sendBack(handle as ListeningHandle | undefined)
  else worker.hear(message as ToWorker, handle as Socket | undefined)
})
// The supervising process has died, so no more connections will come.
process.once('disconnect', () => void worker.drain())
// Ctrl-C reaches every process of a terminal's group. The supervising process decides what it
// means, once.
process.on('SIGHUP', stayUntilTold)
process.on('SIGINT', stayUntilTold)
process.on('SIGTERM', stayUntilTold)

function stayUntilTold(): void {
  if (!process.connected) process.exit(0)
}

/**
 * Sends a handle back, and closes its own. A worker must not keep the port, because the supervising
 * process may be dying at this moment.
 */
function sendBack(handle: ListeningHandle | undefined): void {
  const message: FromWorker = { kind: 'copy' }
  const closeOwn = (): void => handle?.close()
  if (handle === undefined || !process.connected) closeOwn()
  else process.send?.(message, handle as unknown as Server, {}, closeOwn)
}

function tell(message: FromWorker): void {
  // A dead supervising process needs no answer.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined)
}

function exit(exitCode: number): void {
  const end = (): void => process.exit(exitCode)
  if (!process.connected) end()
  process.once('disconnect', end)
  // When this message has been sent, all earlier ones have been as well.
  process.send?.({ kind: 'drained' } satisfies FromWorker, undefined, undefined, end)
}
