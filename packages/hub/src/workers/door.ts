// The listening socket. While it is shut, connections wait in the kernel's queue, established and unread.

import type { Server } from 'node:net'
import { MessageChannel } from 'node:worker_threads'
import type { Clock, Timer } from '@tidemark/log'
import { acceptRestMs, backlogMax, dropLineMs, handoverMs } from '../limits.ts'
import type { ListeningHandle } from './messages.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface DoorOptions {
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
export class Door {
  readonly #options: DoorOptions
  readonly #workers = new Set<WorkerProcess>()
  /** Unpolled handles. The first one stays for good, so that the socket lives on while the door is shut; the second one opens it. */
  readonly #spares: ListeningHandle[] = []
  /** An open port keeps the process, and so must one that is shut while no worker runs either. */
  readonly #hold = new MessageChannel().port1
  #isWantedOpen = true
  #isOpen = true
  #isClosed = false
  #asking: { readonly worker: WorkerProcess; readonly timer: Timer } | undefined
  #resting: Timer | undefined
  /** By the clock's `elapsed`. */
  #complainedAt = -Infinity

  constructor(options: DoorOptions) {
    this.#options = options
    this.#hold.ref()
    options.server.on('error', (error) => this.#rest(error))
  }

  /** Opens or shuts it, as soon as that can be done. */
  want(isOpen: boolean): void {
    this.#isWantedOpen = isOpen
    this.#follow()
  }

  /** A connection was accepted. While the door cannot be shut although it should be, the next one is taken later. */
  entered(): void {
    if (this.#isOpen && !this.#isWantedOpen) this.#options.holdUp()
  }

  /** A worker was started, which can be asked for copies. */
  add(worker: WorkerProcess): void {
    this.#workers.add(worker)
    this.#refill()
  }

  /** The worker has ended. */
  remove(worker: WorkerProcess): void {
    this.#workers.delete(worker)
    if (this.#asking?.worker !== worker) return
    this.#stopAsking()
    this.#refill()
  }

  /** A worker has sent a copy; it is undefined when it was lost on its way. */
  receive(handle: unknown): void {
    if (!isHandle(handle)) return
    if (this.#isClosed || this.#spares.length === 2) {
      handle.close()
      return
    }
    this.#spares.push(handle)
    this.#stopAsking()
    this.#follow()
    this.#refill()
  }

  /** Nobody waits in the kernel's queue any more, nor will. */
  close(): void {
    this.#isClosed = true
    this.#stopAsking()
    this.#resting?.cancel()
    this.#hold.close()
    this.#options.server.close()
    for (const spare of this.#spares.splice(0)) spare.close()
  }

  #follow(): void {
    if (this.#isClosed || this.#isWantedOpen === this.#isOpen) return
    if (this.#isWantedOpen) this.#open()
    else if (this.#spares.length > 0) this.#shut()
  }

  #open(): void {
    if (this.#resting !== undefined || this.#spares.length < 2) return
    this.#isOpen = true
    this.#options.server.listen(this.#spares.pop(), backlogMax)
    this.#refill()
  }

  #shut(): void {
    this.#isOpen = false
    this.#options.server.close()
  }

  /** What stands in the way of accepting (descriptors, memory) stands there for a while: without a rest this would go round and round. */
  #rest(error: Error): void {
    const { clock, holdUp } = this.#options
    if (this.#isClosed) return
    if (this.#resting !== undefined) {
      if (this.#isOpen) holdUp()
      return
    }
    this.#complain(error)
    this.#resting = clock.after(acceptRestMs, () => {
      this.#resting = undefined
      this.#follow()
    })
    if (this.#isOpen && this.#spares.length > 0) this.#shut()
  }

  #complain({ message }: Error): void {
    const { clock, say } = this.#options
    if (clock.elapsed() - this.#complainedAt < dropLineMs) return
    this.#complainedAt = clock.elapsed()
    say(
      `Connections cannot be accepted: ${message}. They wait, and the next attempts follow every ${acceptRestMs} ms.`,
    )
  }

  /** Asks one worker after the other until a copy has come. */
  #refill(): void {
    if (this.#isClosed || this.#spares.length === 2 || this.#asking !== undefined) return
    const [worker] = this.#workers
    const original = this.#spares[0] ?? handleOf(this.#options.server)
    if (worker === undefined || original === undefined) return
    worker.copy(original)
    const timer = this.#options.clock.after(handoverMs, () => {
      // One that does not answer is asked last the next time.
      if (this.#workers.delete(worker)) this.#workers.add(worker)
      this.#stopAsking()
      this.#refill()
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
