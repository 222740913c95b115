// Checks at the door of the arguments that open a stream: an application written in JavaScript may hand in
// anything.

import { hasMethods } from '@tidemark/log/values'
import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { readMembers } from '../read-members.ts'
import type { Sink } from '../session/sink.ts'
import type { Subscription } from './subscription.ts'

/** @throws ServerError `OPTION_INVALID` */
export function requireSink(sink: Sink): void {
  if (hasMethods(sink, ['write', 'end', 'abort', 'listen'])) return
  throw new ServerError(
    'OPTION_INVALID',
    `A sink has the functions write, end, abort and listen; got ${quoteValue(sink)}.`,
  )
}

/** @throws ServerError `OPTION_INVALID` */
export function requireSubscription(subscription: Subscription): void {
  const members = readMembers(subscription, ['topics', 'framing', 'start', 'filter'], {
    code: 'OPTION_INVALID',
    what: 'A subscription',
  })
  const { topics, framing, start, filter } = members
  const isWhole =
    hasMethods(topics, ['matches']) &&
    hasMethods(framing, ['encode', 'assemble', 'encodeOwn', 'forTopics']) &&
    (filter === undefined || hasMethods(filter, ['matches'])) &&
    typeof start === 'object' &&
    start !== null
  if (isWhole) return
  throw new ServerError(
    'OPTION_INVALID',
    'A subscription is what parseSubscriptionBody or parseSubscriptionQuery gives, such as parseSubscriptionBody({ topics: ["news"] }).',
  )
}

/**
 * The options of a door, each member once, inherited ones and getters included: `topics` must not be
 * overlooked. Anything but an object is not meant for the door: frameworks call their handlers with more
 * arguments.
 * @throws ServerError `OPTION_INVALID`
 */
export function readDoorOptions<Options extends object, Name extends keyof Options & string>(
  given: Options | undefined,
  names: readonly Name[],
): Partial<Pick<Options, Name>> {
  if (typeof given !== 'object' || given === null) return {}
  const wanted = { code: 'OPTION_INVALID', what: 'The options of a stream' } as const
  return readMembers(given, names, wanted)
}
