// Request bodies: bounded each and all together, whole, UTF-8.

import type { Readable } from 'node:stream'
import type { NodeRequest } from '@tidemark/server/node'
import { ServerError } from '@tidemark/server'
import { checkBodyHeaders, declareFate } from '@tidemark/server/hub'
import type { CodedError } from '@tidemark/server/hub'
import { HubError } from './errors.ts'
import { bodyFreeBytes, chunkOverheadBytes, eventOverheadBytes } from './limits.ts'

/** How much may be read. */
export interface BodyLimits {
  /** Bytes of one body. */
  readonly requestBytesMax: number
  /** Bytes of all bodies that are held at one time. */
  readonly heldBytesMax: number
}

/** One body while it is held. */
interface Hold {
  bytes: number
  chunks: number
  /** Events that were made of it. */
  events: number
  /** Its part in the bytes of all bodies together. */
  counted: number
}

/** Counts events that were made of a body, until its use is done. */
export type CountEvents = (events: number) => void

/** Reads the bodies of requests. */
export class Bodies {
  readonly #limits: BodyLimits
  #held = 0

  constructor(limits: BodyLimits) {
    this.#limits = limits
  }

  /**
   * Reads the body of a request as text and hands it to `use`. The body counts as held until `use` is
   * done, and so do the events that `use` counts. Counting them throws `OVERLOADED` as well.
   * @throws HubError `BODY_NOT_UTF8`, `OVERLOADED`; ServerError `BODY_TOO_LARGE` (as soon as it is known),
   * `CONTENT_ENCODING_UNSUPPORTED`, `CHARSET_UNSUPPORTED`
   */
  async read<Result>(
    request: NodeRequest,
    use: (text: string, count: CountEvents) => Result | Promise<Result>,
  ): Promise<Result> {
    const { requestBytesMax } = this.#limits
    const { headers } = request
    checkBodyHeaders({
      contentEncoding: headers['content-encoding'],
      contentType: headers['content-type'],
    })
    const declared = Number(headers['content-length'] ?? 0)
    if (declared > requestBytesMax) throw tooLarge(requestBytesMax, `${declared} bytes`)
    const hold: Hold = { bytes: 0, chunks: 0, events: 0, counted: 0 }
    const count: CountEvents = (events) => {
      hold.events += events
      const fault = this.#recount(hold)
      if (fault !== undefined) throw fault
    }
    try {
      return await use(decode(await this.#collect(request, hold)), count)
    } finally {
      this.#held -= hold.counted
    }
  }

  // By events, not `for await`: leaving that loop early destroys the socket, and with it the answer.
  #collect(request: Readable, hold: Hold): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      const fail = (error: Error): void => {
        request.off('data', onData)
        chunks.length = 0
        reject(error)
      }
      const onData = (chunk: Buffer): void => {
        const fault = this.#grow(hold, chunk.length)
        if (fault === undefined) chunks.push(detach(chunk))
        else fail(fault)
      }
      request.on('data', onData)
      const onCut = (): void => {
        // Every request ends with a close, and an error that nobody gets costs as much as the rest of
        // reading a body.
        if (request.readableEnded) return
        fail(new HubError('REQUEST_MALFORMED', 'The request was cut off.'))
      }
      // A stream of HTTP/2 that was reset ends like a whole one, and says before that it was aborted.
      request.on('aborted', onCut)
      request.on('close', onCut)
      request.on('error', fail)
      request.once('end', () => {
        resolve(Buffer.concat(chunks))
        // The answer may be a stream, which takes the connection only where nobody listens to the
        // request any more.
        request.off('data', onData).off('aborted', onCut).off('close', onCut)
        request.on('error', ignoreError).off('error', fail)
      })
    })
  }

  #grow(hold: Hold, bytes: number): CodedError | undefined {
    const { requestBytesMax } = this.#limits
    hold.bytes += bytes
    hold.chunks += 1
    return hold.bytes > requestBytesMax ? tooLarge(requestBytesMax, 'more') : this.#recount(hold)
  }

  #recount(hold: Hold): HubError | undefined {
    const { heldBytesMax } = this.#limits
    const { bytes, chunks, events } = hold
    const all = bytes + chunks * chunkOverheadBytes + events * eventOverheadBytes
    const counted = Math.max(0, all - bodyFreeBytes)
    this.#held += counted - hold.counted
    hold.counted = counted
    if (counted === 0 || this.#held <= heldBytesMax) return undefined
    return new HubError(
      'OVERLOADED',
      `The hub holds ${heldBytesMax} bytes of large request bodies at once, and they are in use. Nothing of this one was stored. Send it again later, or in smaller parts.`,
    )
  }
}

/**
 * A chunk of HTTP/2 is a view of all that was read with it, 16 KiB over TLS and 64 KiB without. Where
 * it is the smaller part it is copied, so that at most twice of what is counted is held.
 */
function detach(chunk: Buffer): Buffer {
  if (2 * chunk.length >= chunk.buffer.byteLength) return chunk
  const own = Buffer.allocUnsafeSlow(chunk.length)
  chunk.copy(own)
  return own
}

const ignoreError = declareFate(() => undefined, 'left')

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw new HubError(
      'BODY_NOT_UTF8',
      'The body must be UTF-8; got other bytes. Encode binary data, for example as base64.',
      { cause: error },
    )
  }
}

function tooLarge(bytesMax: number, got: string): ServerError {
  return new ServerError(
    'BODY_TOO_LARGE',
    `The body of a request may have ${bytesMax} bytes; got ${got}. Send several requests, or raise the limit.`,
  )
}
