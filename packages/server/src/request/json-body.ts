// The JSON body of a request, bounded while it arrives. For all doors.

import type { HeldBody } from './body-budget.ts'
import { ServerError } from '../errors.ts'
import { subscriptionBytesMax, subscriptionPartBytes } from '../limits.ts'

/** Takes the chunks of a body. */
export class JsonBody {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true })
  readonly #parts: string[] = []
  readonly #held: HeldBody | undefined
  #bytes = 0

  /**
   * A body that is declared to have so many bytes, by a header, and counts in `held` as it arrives.
   * @throws ServerError `BODY_TOO_LARGE`
   */
  constructor(declared: string | null | undefined, held?: HeldBody) {
    this.#held = held
    if (Number(declared ?? 0) > subscriptionBytesMax) throw tooLarge()
  }

  /** @throws ServerError `BODY_TOO_LARGE` and `FULL` (as soon as it is known), `BODY_NOT_JSON` */
  add(chunk: Uint8Array): void {
    this.#bytes += chunk.length
    if (this.#bytes > subscriptionBytesMax) throw tooLarge()
    this.#held?.grow(chunk.length + subscriptionPartBytes)
    this.#parts.push(decodeWith(() => this.#decoder.decode(chunk, { stream: true })))
  }

  /** @throws ServerError `BODY_NOT_JSON` */
  parse(): unknown {
    this.#parts.push(decodeWith(() => this.#decoder.decode()))
    return parseJson(this.#parts.join(''))
  }
}

/** @throws ServerError `BODY_NOT_JSON` */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    // V8 quotes what it has read, and that may be a token.
    throw notJson(String(error).replace(/, (?:\.\.\.)?".*" is not valid JSON$/s, ''))
  }
}

/** A body that is not JSON, or not whole. */
export function notJson(fault: string, cause?: unknown): ServerError {
  return new ServerError(
    'BODY_NOT_JSON',
    `The body must be a JSON object such as {"topics":["orders/42"]}: ${fault}.`,
    { cause },
  )
}

function decodeWith(decode: () => string): string {
  try {
    return decode()
  } catch (error) {
    throw notJson('it is not UTF-8', error)
  }
}

function tooLarge(): ServerError {
  return new ServerError(
    'BODY_TOO_LARGE',
    `The body of a subscription may have ${subscriptionBytesMax} bytes. Use patterns such as orders/* in place of long lists.`,
  )
}
