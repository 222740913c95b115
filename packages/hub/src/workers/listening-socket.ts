// The listening socket. While it is shut, connections wait in the kernel's queue, established and unread.

import type { Server } from 'node:net'
import { MessageChannel } from 'node:worker_threads'
import type { Clock, Timer } from '@tidemark/log'
import { acceptRestMs, backlogMax, dropLineMs, handoverMs } from '../limits.ts'
import type { ListeningHandle } from './messages.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface ListeningSocketOptions {
  /** Listens already. Nobody else closes it or lets it listen. */
  readonly server: Server
  readonly clock: Clock
  /** Told of what an operator should know. */
  readonly say: (text: string) => void
  /** Holds up this process for some milliseconds. */
  readonly holdUp: () => void
}

/**
 * Node and libuv cannot stop to accept: a server accepts for as long as its handle is open, and closing the last handle resets
 * whoever waits in the kernel's queue. So this process keeps a second handle of the same socket, which nobody polls, and closes
 * the first one to shut the door. A handle is copied on its way through another process: a worker is sent one and sends it
 * back (0.2 ms on Node 20 and 24). node:cluster sends such handles in the same way.
 */
export class ListeningSocket {
  readonly #options: ListeningSocketOptions
  readonly #workers = new Set<WorkerProcess>()
  /** Unpolled handles. The first one stays for good, so that the socket lives on while the door is shut; the second one opens it. */
  readonly #copies: ListeningHandle[] = []
  /** An open port keeps the process, and so must one that is shut while no worker runs either. */
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

  /** Opens or shuts it, as soon as that can be done. */
  setOpen(isOpen: boolean): void {
    this.#shouldBeOpen = isOpen
    this.#follow()
  }

  /** A connection was accepted. While the door cannot be shut although it should be, the next one is taken later. */
  accepted(): void {
    if (this.#isOpen && !this.#shouldBeOpen) this.#options.holdUp()
  }

  /** A worker was started, which can be asked for copies. */
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

  /** A worker has sent a copy; it is undefined when it was lost on its way. */
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

  /** Nobody waits in the kernel's queue any more, nor will. */
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

  /** What stands in the way of accepting (descriptors, memory) stands there for a while: without a rest this would go round and round. */
  #pauseAfter(error: Error): void {
    const { clock, holdUp } = this.#options
    if (this.#isClosed) return
    if (this.#pause !== undefined) {
      if (this.#isOpen) holdUp()
      return
    }
    this.#warn(error)
    this.#pause = clock.after(acceptRestMs, () => {
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
      `Connections cannot be accepted: ${message}. They wait, and the next attempts follow every ${acceptRestMs} ms.`,
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
      // One that does not answer is asked last the next time.
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

/** `_handle` is not documented. Without it the door cannot be shut, and `entered` is all that slows the stream of arrivals. */
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
