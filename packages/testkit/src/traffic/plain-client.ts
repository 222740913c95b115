// A deliberately plain client: what an EventSource does and no more, on connections that are cut
// wherever the test wants it.

import { systemClock } from '@tidemark/log'
import { createDecoder } from '@tidemark/wire'
import type { DecodedEvent, Decoder } from '@tidemark/wire'
import type { SeededRandom } from '../seeded-random.ts'
import type { AckCounter } from './ack-counter.ts'
import type { Door, OpenedStream, StreamListener } from './door.ts'
import { reconnectMs } from './limits.ts'

/** Where a connection goes, and how long it lasts. */
export interface Visit {
  readonly door: Door
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  /** Bytes of the body after which the client cuts it, wherever that is. */
  readonly bytesMax: number
}

/** The data of `tidemark.ready`. */
export interface Ready {
  readonly resumed: string
  readonly cursor: string
}

/**
 * Reads a stream, and after every end of its connection comes back with its last id, until it is
 * stopped. The id is that of the last *dispatched* event: an id without data moves it in Chromium
 * but not in Firefox.
 */
export abstract class PlainClient<V extends Visit> {
  /** The data of every `tidemark.gap`. */
  readonly gaps: string[] = []
  /** The reason of every `tidemark.bye`. */
  readonly byes: string[] = []
  /** Whatever else must not happen to a subscriber, one sentence each. */
  readonly faults: string[] = []
  connections = 0
  /** Of these, such that were compressed. */
  compressed = 0
  /** From now on it is cut no more and reads as fast as it can. */
  protected isSettling = false
  protected stream: OpenedStream | undefined
  #lastEventId = ''
  #isStopped = false

  /** Draws the next connection. */
  protected abstract begin(resumedFrom: string): V
  /** Takes an event that is not the hub's own. */
  protected abstract take(event: DecodedEvent, visit: V): void
  /** Hears of any event before it is taken. */
  protected hear(_event: DecodedEvent, _visit: V): void {}
  /** The default is that nobody is told of a gap when he comes back. */
  protected checkReady({ resumed }: Ready, resumedFrom: string, _visit: V): void {
    const wanted = resumedFrom === '' ? 'fresh' : 'exact'
    if (resumed !== wanted) this.faults.push(`was resumed ${resumed} from "${resumedFrom}"`)
  }
  /** Is asked after every part of a body whether to read on at once. */
  protected slowDown(_bytes: number, _stream: OpenedStream): void {}

  /** Stays connected until it is stopped. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      const isOpened = await this.#connect(this.begin(this.#lastEventId))
      if (!isOpened && !this.#isStopped) {
        await new Promise<void>((resolve) => systemClock.after(reconnectMs, resolve))
      }
    }
  }

  settle(): void {
    this.isSettling = true
  }

  stop(): void {
    this.#isStopped = true
    this.stream?.cut()
  }

  /** Resolves at the end of the connection to whether there was one. */
  #connect(visit: V): Promise<boolean> {
    const resumedFrom = this.#lastEventId
    const decoder = createDecoder(
      { event: (event) => this.#dispatch(event, resumedFrom, visit) },
      { lastEventId: resumedFrom },
    )
    const headers = {
      Accept: 'text/event-stream',
      ...visit.headers,
      ...(resumedFrom === '' ? {} : { 'Last-Event-ID': resumedFrom }),
    }
    return new Promise((resolve) => {
      let isOpened = false
      let isOver = false
      let bytesLeft = visit.bytesMax
      const end = (): void => {
        isOver = true
        stream.cut()
      }
      const listener: StreamListener = {
        opened: (status, fields) => {
          isOpened = status === 200
          this.connections += 1
          if (fields.get('content-encoding') === 'gzip') this.compressed += 1
          if (!isOpened) this.faults.push(`was answered ${status} from "${resumedFrom}"`)
        },
        bytes: (chunk) => {
          if (isOver) return
          const isCut = !this.isSettling && chunk.length >= bytesLeft
          this.#decode(decoder, isCut ? chunk.subarray(0, bytesLeft) : chunk)
          bytesLeft -= chunk.length
          if (isCut) end()
          else if (!this.isSettling) this.slowDown(chunk.length, stream)
        },
        broken: (error) => this.faults.push(`could not read its stream: ${String(error)}`),
        ended: () => {
          isOver = true
          resolve(isOpened)
        },
      }
      const stream = visit.door.open({ url: new URL(visit.url), headers }, listener)
      this.stream = stream
    })
  }

  #decode(decoder: Decoder, bytes: Uint8Array): void {
    try {
      decoder.push(bytes)
    } catch (error) {
      this.faults.push(`could not read its stream: ${String(error)}`)
      this.stop()
    }
  }

  #dispatch(event: DecodedEvent, resumedFrom: string, visit: V): void {
    this.#lastEventId = event.id
    this.hear(event, visit)
    if (!event.type.startsWith('tidemark.')) this.take(event, visit)
    else if (event.type === 'tidemark.gap') this.gaps.push(event.data)
    else if (event.type === 'tidemark.bye') {
      this.byes.push((JSON.parse(event.data) as { reason: string }).reason)
    } else if (event.type === 'tidemark.ready') {
      this.checkReady(JSON.parse(event.data) as Ready, resumedFrom, visit)
    }
  }
}

/** Resolves after a number of further acknowledged events, drawn between two. */
export function standStill(
  acks: AckCounter,
  random: SeededRandom,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<void> {
  return acks.further(from + random.int(to - from))
}
