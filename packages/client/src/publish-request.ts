// The request of a publish: the events as one JSON text, and the key that makes them be published once.

import { quoteValue } from '@tidemark/wire/values'
import { makeRandomKey } from './clock.ts'
import { ClientError } from './errors.ts'
import { describe } from './headers.ts'
import { optionError } from './option-error.ts'
import { checkSignal } from './runtime.ts'

/** An event to publish. */
export interface PublishInput {
  /** Default `message`. */
  readonly type?: string | undefined
  /** Text, published as it is, or any other JSON value. */
  readonly data: unknown
  /** The thing that the event is about. */
  readonly key?: string | undefined
  /** Small texts by which readers choose among the events of a topic: `{ region: 'eu' }`. */
  readonly tags?: Readonly<Record<string, string>> | undefined
  /** How long the event is worth something, in milliseconds. */
  readonly ttlMs?: number | undefined
  /** Only those whose grant has this permission get the event. Default: everybody who may read the topic. */
  readonly permission?: string | undefined
}

/** An event to publish together with others, with its topic. */
export interface TopicInput extends PublishInput {
  readonly topic: string
}

/** Options of one `publish`. */
export interface PublishOptions {
  /**
   * Names these events, so that they are published once however often they are sent. Default: a random
   * one.
   */
  readonly idempotencyKey?: string | undefined
  /**
   * A cursor: the events, all of one topic, are published only if it has no event behind that cursor.
   * Otherwise `REFUSED` with the status 412 and the problem's code `HEAD_MOVED`.
   */
  readonly ifHead?: string | undefined
  /** Gives up when aborted; whether the events were published is then unknown. */
  readonly signal?: AbortSignal | undefined
}

/** The same for every attempt. */
export interface PublishRequest {
  readonly body: string
  readonly idempotencyKey: string
  readonly ifHead: string | undefined
  readonly signal: AbortSignal
}

/**
 * Checks what a caller wants to publish. Lengths and names are the server's to judge.
 * @throws ClientError `REQUEST_INVALID`, `OPTIONS_INVALID`
 */
export function buildPublishRequest(
  events: readonly TopicInput[],
  options: PublishOptions,
): PublishRequest {
  if (typeof options !== 'object' || options === null)
    throw optionError('The options', 'an object', options)
  const { idempotencyKey = makeRandomKey(), ifHead, signal } = options
  checkSignal(signal)
  if (typeof idempotencyKey !== 'string' || !/^[\x21-\x7e]+$/.test(idempotencyKey)) {
    throw new ClientError(
      'REQUEST_INVALID',
      `An idempotency key must be visible ASCII, as a header carries it; got ${quoteValue(idempotencyKey)}. Leave it out for a random one.`,
    )
  }
  if (ifHead !== undefined && (typeof ifHead !== 'string' || !/^[\x21-\x7e]+$/.test(ifHead)))
    throw eventError('ifHead must be a cursor, as an event has it in its id', ifHead)
  const never = new AbortController().signal
  return { body: encode(events), idempotencyKey, ifHead, signal: signal ?? never }
}

/**
 * Reads an event whose topic is said beside it.
 * @throws ClientError `REQUEST_INVALID`
 */
export function addTopic(topic: string, event: PublishInput): TopicInput {
  if (typeof event !== 'object' || event === null)
    throw eventError('The event must be an object with data', event)
  try {
    return { ...event, topic }
  } catch (cause) {
    throw new ClientError('REQUEST_INVALID', `The event cannot be read: ${describe(cause)}.`, {
      cause,
    })
  }
}

function encode(events: readonly TopicInput[]): string {
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
    const text: string | undefined = JSON.stringify(nameTtl(event))
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

/** Over HTTP it is called `ttl`. */
function nameTtl(event: object): object {
  const { ttlMs } = event as TopicInput
  return ttlMs === undefined ? event : { ...event, ttlMs: undefined, ttl: ttlMs }
}

function checkMembers(event: object, index: number): void {
  const members = event as Readonly<Record<string, unknown>>
  for (const name of ['topic', 'type', 'key', 'permission']) {
    const value = members[name]
    if (typeof value === 'string' || (value === undefined && name !== 'topic')) continue
    throw eventError(`The ${name} of event ${index} must be a text`, value)
  }
  const { data } = members
  // JSON.stringify would leave these out without a word.
  if (data === undefined || typeof data === 'function' || typeof data === 'symbol')
    throw eventError(`The data of event ${index} must be a JSON value`, data)
}

function eventError(wanted: string, got: unknown): ClientError {
  return new ClientError('REQUEST_INVALID', `${wanted}; got ${quoteValue(got)}.`)
}
