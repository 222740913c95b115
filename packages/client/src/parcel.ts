// What a publish sends: the events as one JSON text, and the key that makes them be published once.

import { makeRandomKey } from './clock.ts'
import { ClientError } from './errors.ts'
import { describe } from './headers.ts'
import type { OutgoingEvent, PublishOptions } from './publisher.ts'
import { show } from './quote.ts'
import { optionError, checkSignal } from './runtime.ts'

/** The same for every attempt. */
export interface Parcel {
  readonly body: string
  readonly idempotencyKey: string
  readonly signal: AbortSignal
}

/**
 * Checks what a caller wants to publish. Lengths and names are the server's to judge.
 * @throws ClientError `REQUEST_INVALID`, `OPTIONS_INVALID`
 */
export function packParcel(events: readonly OutgoingEvent[], options: PublishOptions): Parcel {
  if (typeof options !== 'object' || options === null)
    throw optionError('The options', 'an object', options)
  const { idempotencyKey = makeRandomKey(), signal } = options
  checkSignal(signal)
  if (typeof idempotencyKey !== 'string' || !/^[\x21-\x7e]+$/.test(idempotencyKey)) {
    throw new ClientError(
      'REQUEST_INVALID',
      `An idempotency key must be visible ASCII, as a header carries it; got ${show(idempotencyKey)}. Leave it out for a random one.`,
    )
  }
  return { body: encode(events), idempotencyKey, signal: signal ?? new AbortController().signal }
}

function encode(events: readonly OutgoingEvent[]): string {
  if (!Array.isArray(events)) throw eventError('Events come as a list', events)
  // `map` alone would leave out the holes of a list.
  return `[${Array.from(events, encodeEvent).join(',')}]`
}

function encodeEvent(event: unknown, index: number): string {
  if (typeof event !== 'object' || event === null)
    throw eventError(`Event ${index} must be an object with topic and data`, event)
  let cause: unknown
  try {
    checkMembers(event, index)
    const text: string | undefined = JSON.stringify(event)
    if (text !== undefined) return text
  } catch (thrown) {
    if (thrown instanceof ClientError) throw thrown
    // A circle, a bigint, or code of the caller's that fails.
    cause = thrown
  }
  throw new ClientError(
    'REQUEST_INVALID',
    `Event ${index} cannot be written as JSON: ${cause === undefined ? 'nothing is left of it' : describe(cause)}. Give data that JSON.stringify takes.`,
    { cause },
  )
}

function checkMembers(event: object, index: number): void {
  const { topic, type, key, data } = event as Readonly<Record<string, unknown>>
  if (typeof topic !== 'string')
    throw eventError(`The topic of event ${index} must be a text`, topic)
  if (type !== undefined && typeof type !== 'string')
    throw eventError(`The type of event ${index} must be a text`, type)
  if (key !== undefined && typeof key !== 'string')
    throw eventError(`The key of event ${index} must be a text`, key)
  // JSON.stringify would leave these out without a word.
  if (data === undefined || typeof data === 'function' || typeof data === 'symbol')
    throw eventError(`The data of event ${index} must be a JSON value`, data)
}

function eventError(wanted: string, got: unknown): ClientError {
  return new ClientError('REQUEST_INVALID', `${wanted}; got ${show(got)}.`)
}
