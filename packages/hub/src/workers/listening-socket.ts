// The listening socket. While it is closed, connections wait in the kernel's queue, established and
// unread.

import type { Server } from 'node:net'
import { MessageChannel } from 'node:worker_threads'
import type { Clock, Timer } from '@tidemark/log'
import { acceptPauseMs, backlogMax, dropLineMs, handoverMs } from '../limits.ts'
import type { ListeningHandle } from './messages.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface ListeningSocketOptions {
  /** Already listens. No other code closes it or lets it listen. */
  readonly server: Server
  readonly clock: Clock
  /** Called with a line for the operator. */
  readonly say: (text: string) => void
  /** Blocks this process for some milliseconds. */
  readonly holdUp: () => void
}

/**
 * Opens and closes a port. Node and libuv cannot pause accepting: a server accepts for as long as
 * its handle is open. Closing the last handle resets the connections that wait in the kernel's
 * queue. So this process keeps a second handle of the same socket, which is not polled, and closes
 * the first one. A handle is copied by sending it to another process: a worker gets one and sends
 * it back. This takes 0.2 ms on Node 20 and 24. node:cluster sends handles in the same way.
 */
export class ListeningSocket {
  readonly #options: ListeningSocketOptions
  readonly #workers = new Set<WorkerProcess>()
  /**
   * Unpolled handles. The first one stays, so that the socket lives on while the port is closed.
   * The second one reopens the port.
   */
  readonly #copies: ListeningHandle[] = []
  /** An open port keeps the process alive. So must a closed one, also while no worker runs. */
  readonly #keepAlive = new MessageChannel().port1
  #shouldBeOpen = true
  #isOpen = true
  #isClosed = false
  #asking: { readonly worker: WorkerProcess; readonly timer: Timer } | undefined
  #pause: Timer | undefined
  /** By the clock's `elapsed`. */
  #warnedAt = -Infinity

  constructor(options: ListeningSocketOptions) {
    this.#options = options
    this.#keepAlive.ref()
    options.server.on('error', (error) => this.#pauseAfter(error))
  }

  /** Opens or closes the port as soon as that can be done. */
  setOpen(isOpen: boolean): void {
    this.#shouldBeOpen = isOpen
    this.#follow()
  }

  /**
   * A connection was accepted. If the port should be closed and cannot be, this delays the next
   * one.
   */
  accepted(): void {
    if (this.#isOpen && !this.#shouldBeOpen) this.#options.holdUp()
  }

  /** A worker was started, and can be asked for copies. */
  add(worker: WorkerProcess): void {
    this.#workers.add(worker)
    this.#requestCopy()
  }

  /** The worker has ended. */
  remove(worker: WorkerProcess): void {
    this.#workers.delete(worker)
    if (this.#asking?.worker !== worker) return
    this.#stopAsking()
    this.#requestCopy()
  }

  /** A worker has sent a copy. It is undefined when it was lost on its way. */
  receive(handle: unknown): void {
    if (!isHandle(handle)) return
    if (this.#isClosed || this.#copies.length === 2) {
      handle.close()
      return
    }
    this.#copies.push(handle)
    this.#stopAsking()
    this.#follow()
    this.#requestCopy()
  }

  /** Closes the port for good. The kernel's queue is gone then. */
  close(): void {
    this.#isClosed = true
    this.#stopAsking()
    this.#pause?.cancel()
    this.#keepAlive.close()
    this.#options.server.close()
    for (const copy of this.#copies.splice(0)) copy.close()
  }

  #follow(): void {
    if (this.#isClosed || this.#shouldBeOpen === this.#isOpen) return
    if (this.#shouldBeOpen) this.#open()
    else if (this.#copies.length > 0) this.#shut()
  }

  #open(): void {
    if (this.#pause !== undefined || this.#copies.length < 2) return
    this.#isOpen = true
    this.#options.server.listen(this.#copies.pop(), backlogMax)
    this.#requestCopy()
  }

  #shut(): void {
    this.#isOpen = false
    this.#options.server.close()
  }

  /**
   * Pauses after an error of accepting. Its cause (descriptors, memory) lasts for a while, and
   * without a pause the error would repeat at once.
   */
  #pauseAfter(error: Error): void {
    const { clock, holdUp } = this.#options
    if (this.#isClosed) return
    if (this.#pause !== undefined) {
      if (this.#isOpen) holdUp()
      return
    }
    this.#warn(error)
    this.#pause = clock.after(acceptPauseMs, () => {
      this.#pause = undefined
      this.#follow()
    })
    if (this.#isOpen && this.#copies.length > 0) this.#shut()
  }

  #warn({ message }: Error): void {
    const { clock, say } = this.#options
    if (clock.elapsed() - this.#warnedAt < dropLineMs) return
    this.#warnedAt = clock.elapsed()
    say(
      `Connections cannot be accepted: ${message}. They wait, and the next attempts follow every ${acceptPauseMs} ms.`,
    )
  }

  /** Asks one worker after the other until a copy has come. */
  #requestCopy(): void {
    if (this.#isClosed || this.#copies.length === 2 || this.#asking !== undefined) return
    const [worker] = this.#workers
    const original = this.#copies[0] ?? handleOf(this.#options.server)
    if (worker === undefined || original === undefined) return
    worker.copy(original)
    const timer = this.#options.clock.after(handoverMs, () => {
      // A worker that does not answer is asked last the next time.
      if (this.#workers.delete(worker)) this.#workers.add(worker)
      this.#stopAsking()
      this.#requestCopy()
    })
    this.#asking = { worker, timer }
  }

  #stopAsking(): void {
    this.#asking?.timer.cancel()
    this.#asking = undefined
  }
}

/**
 * The handle of a server. `_handle` is not documented. Without it the port cannot be closed, and
 * only `accepted` slows down arrivals.
 */
function handleOf(server: Server): ListeningHandle | undefined {
  const { _handle: handle } = server as { _handle?: unknown }
  return isHandle(handle) ? handle : undefined
}

function isHandle(value: unknown): value is ListeningHandle {
  return (
    typeof value === 'object' &&
    value !== null &&
    'close' in value &&
    typeof value.close === 'function'
  )
}
