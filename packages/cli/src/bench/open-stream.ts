// One connection with one SSE answer, over a bare socket: what `fetch` spends per chunk would be most
// of the generator's time.

import { connect as connectPlain } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { systemClock } from '@tidemark/client'
import type { Timer } from '@tidemark/client'
import { createDecoder } from '@tidemark/wire'
import type { DecodedEvent, Decoder } from '@tidemark/wire'
import { answerMsMax, readBytesMax } from './limits.ts'
import { RefusalReader } from './refusal.ts'
import { AnswerReader } from './answer-reader.ts'
import type { ResponseHead } from './answer-reader.ts'

/** The request for a stream. */
export interface StreamRequest {
  readonly url: URL
  /** Where to connect to, when the name need not be looked up. */
  readonly address?: string | undefined
  readonly headers: readonly (readonly [string, string])[]
  /** Sent as `Last-Event-ID` unless empty. */
  readonly lastEventId: string
}

/** Why a connection is over. */
export interface StreamEnd {
  readonly reason: string
  /** Of an answer that is not 200. */
  readonly status?: number | undefined
  /** Whether nothing was reached that speaks HTTP. */
  readonly isUnreachable?: boolean | undefined
}

/** Is told what happens on a connection. `ended` comes once and last, and never after `close`. */
export interface StreamHandler {
  opened(head: ResponseHead, address: string): void
  event(event: DecodedEvent): void
  retry(ms: number): void
  bytes(count: number): void
  ended(end: StreamEnd): void
}

/** A connection under way. */
export interface Stream {
  /** The id that a reconnect sends as `Last-Event-ID`. */
  readonly lastEventId: string
  close(): void
}

/** Connects, asks and reads until the end. */
export function openStream(request: StreamRequest, handler: StreamHandler): Stream {
  return new SocketStream(request, handler)
}

/** One for all sockets: what is read is decoded before the next socket is read. */
const sharedBuffer = Buffer.allocUnsafeSlow(readBytesMax)

class SocketStream implements Stream {
  readonly #handler: StreamHandler
  readonly #decoder: Decoder
  readonly #socket: Socket
  readonly #timer: Timer
  readonly #answer = new AnswerReader({
    opened: (head) => this.#open(head),
    body: (slice) => this.#takeBody(slice),
  })
  #refusal: RefusalReader | undefined
  #isOver = false

  constructor(request: StreamRequest, handler: StreamHandler) {
    this.#handler = handler
    this.#decoder = createDecoder(handler, { lastEventId: request.lastEventId })
    this.#timer = systemClock.after(answerMsMax, () => {
      this.#end({ reason: `no answer within ${answerMsMax / 1000} s`, isUnreachable: true })
    })
    this.#socket = connectSocket(request, (bytes) => this.#read(bytes))
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      const isUnreachable = !this.#answer.hasHead
      this.#end({ reason: this.#refusal?.reason ?? error.code ?? error.message, isUnreachable })
    })
    this.#socket.on('close', () => this.#end(this.#describeClose()))
    this.#socket.write(renderRequest(request))
    // A socket with a buffer of its own still has to flow, or its end goes unnoticed.
    this.#socket.resume()
  }

  get lastEventId(): string {
    return this.#decoder.lastEventId
  }

  close(): void {
    this.#isOver = true
    this.#timer.cancel()
    this.#socket.destroy()
  }

  #read(bytes: Uint8Array): void {
    if (this.#isOver) return
    this.#handler.bytes(bytes.length)
    try {
      this.#answer.push(bytes)
      if (this.#answer.isComplete) this.#end(this.#describeClose())
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      this.#end({ reason })
    }
  }

  #takeBody(slice: Uint8Array): void {
    if (this.#refusal !== undefined) this.#refusal.push(slice)
    else this.#decoder.push(slice)
  }

  #open(head: ResponseHead): void {
    if (isEventStream(head)) {
      this.#timer.cancel()
      this.#handler.opened(head, this.#socket.remoteAddress ?? '')
    } else {
      this.#refusal = new RefusalReader(head)
    }
  }

  #describeClose(): StreamEnd {
    if (this.#refusal !== undefined) {
      return { reason: this.#refusal.reason, status: this.#refusal.status }
    }
    if (!this.#answer.hasHead) {
      return { reason: 'the server closed the connection without an answer', isUnreachable: true }
    }
    return { reason: 'the server ended the stream' }
  }

  #end(end: StreamEnd): void {
    if (this.#isOver) return
    this.close()
    this.#handler.ended(end)
  }
}

function isEventStream({ status, fields }: ResponseHead): boolean {
  return (
    status === 200 &&
    /^text\/event-stream\b/i.test(fields.get('content-type') ?? '') &&
    /^(identity)?$/i.test(fields.get('content-encoding') ?? '')
  )
}

function connectSocket(request: StreamRequest, read: (bytes: Uint8Array) => void): Socket {
  const { url, address } = request
  const name = url.hostname.replace(/^\[|\]$/g, '')
  const host = address ?? name
  if (url.protocol === 'https:') {
    const port = Number(url.port || 443)
    // A server name must not be an address: RFC 6066, §3.
    const servername = /^[\d.]+$|:/.test(name) ? '' : name
    const socket = connectTls({ host, port, servername, ALPNProtocols: ['http/1.1'] })
    return socket.on('data', read).setNoDelay(true)
  }
  return connectPlain({
    host,
    port: Number(url.port || 80),
    noDelay: true,
    onread: {
      buffer: sharedBuffer,
      callback(count, buffer) {
        read(buffer.subarray(0, count))
        return true
      },
    },
  })
}

function renderRequest({ url, headers, lastEventId }: StreamRequest): string {
  const given = new Set(headers.map(([name]) => name.toLowerCase()))
  const own: (readonly [string, string])[] = [
    ['Host', url.host],
    ['Accept', 'text/event-stream'],
    ['Cache-Control', 'no-cache'],
  ]
  if (lastEventId !== '') own.push(['Last-Event-ID', lastEventId])
  const fields = [...own.filter(([name]) => !given.has(name.toLowerCase())), ...headers]
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('')}\r\n`
}
