// A change of topics between its request and its move: it may come too late, or beyond the newest grant.

import { parseTopicSet } from '@tidemark/log'
import type { TopicSet } from '@tidemark/log'
import { quote } from '@tidemark/wire/values'
import { namesOf } from './changed-topics.ts'
import { ServerError } from '../errors.ts'
import type { TopicsReason } from '../framing/control-events.ts'
import type { IsLate } from './is-late.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import type { Session } from './session.ts'
import type { CheckedChange } from './topic-change.ts'

/** Whether a grant holds a topic or pattern. */
export type IsGranted = (name: string) => boolean

/** A change, when it is too late for it, and which grant its session had when it was asked for. */
export interface TimedChange extends CheckedChange {
  readonly isLate: IsLate
  readonly askedUnder: IsGranted | undefined
  readonly reason: TopicsReason
}

/** A change that waited while another grant came adds nothing beyond that grant. */
export function requireGranted(
  { add, askedUnder }: TimedChange,
  isGranted: IsGranted | undefined,
): void {
  if (isGranted === askedUnder) return
  const name = add.find((added) => isGranted?.(added) === false)
  if (name === undefined) return
  throw new ServerError(
    'TOPIC_FORBIDDEN',
    `While this change waited, the stream got a grant that does not hold ${quote(name)}. Nothing has changed.`,
  )
}

/** The last look before the session moves, in the tick in which it does. */
export function requireInTime({ isLate }: TimedChange): void {
  if (!isLate()) return
  throw new ServerError(
    'SESSION_UNREACHABLE',
    'The change had to wait for the replay of topics added before until its time was over. Nothing has changed; ask again.',
  )
}

/** Whether a change adds a name that the session does not follow. */
export function hasNews({ audience }: Session, { add }: CheckedChange): boolean {
  const known = new Set(namesOf(audience.topics))
  return add.some((name) => !known.has(name))
}

export function planTopics({ audience }: Session, { add, remove }: CheckedChange): TopicSet {
  const names = new Set(namesOf(audience.topics).filter((name) => !remove.has(name)))
  for (const name of add) names.add(name)
  try {
    return parseTopicSet([...names])
  } catch (error) {
    return wrapLogError(error)
  }
}
