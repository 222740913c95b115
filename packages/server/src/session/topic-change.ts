// A change of the topics of an open session, checked as far as it can be without its session.

import { parseCursor } from '@tidemark/log'
import type { Position, Since } from '@tidemark/log'
import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { readList, readMembers } from '../read-members.ts'
import { parseSince } from '../request/start-at.ts'
import type { JoinOptions, TopicChange } from './session-handle.ts'

/** Where the replay of added topics begins. */
export type AddedSince = Since | { readonly kind: 'cursor'; readonly position: Position }

export interface CheckedChange {
  readonly add: readonly string[]
  readonly remove: ReadonlySet<string>
  /** Undefined: where the stream stands. */
  readonly since: AddedSince | undefined
  /** The same as it was given. */
  readonly sinceText: Pick<TopicChange, 'from' | 'since'>
}

const aChange = { code: 'OPTION_INVALID', what: 'A change of topics' } as const

/**
 * Checks a change as far as that can be done without its session.
 * @throws ServerError `OPTION_INVALID`, `QUERY_INVALID`
 */
export function readChange(given: TopicChange): CheckedChange {
  const { add, remove, from, since } = readMembers(
    given,
    ['add', 'remove', 'from', 'since'],
    aChange,
  )
  return {
    add: readNames('add', add),
    remove: new Set(readNames('remove', remove)),
    since: readAddedSince(from, since),
    sinceText: { from, since },
  }
}

/**
 * The change that joins one topic.
 * @throws ServerError `OPTION_INVALID`
 */
export function joinChange(topic: string, options: JoinOptions = {}): TopicChange {
  const wanted = { code: 'OPTION_INVALID', what: 'The options of a join' } as const
  const { since } = readMembers(options, ['since'], wanted)
  return { add: [topic], since }
}

/** Names are checked as topics with the whole set. */
function readNames(name: string, given: readonly string[] | undefined): readonly string[] {
  if (given === undefined) return []
  const wanted = { code: 'OPTION_INVALID', what: `${name} of a change of topics` } as const
  const names: readonly unknown[] = readList(given, wanted)
  if (names.every((item) => typeof item === 'string')) return names
  throw new ServerError(
    'OPTION_INVALID',
    `${name} of a change of topics holds names such as orders/42; got ${quoteValue(given)}.`,
  )
}

function readAddedSince(from: unknown, since: unknown): AddedSince | undefined {
  if (from !== undefined && since !== undefined) {
    throw new ServerError(
      'QUERY_INVALID',
      `from and since both say where added topics begin; got ${quoteValue(from)} and ${quoteValue(since)}. Leave one.`,
    )
  }
  if (from !== undefined) return readFrom(from)
  if (since === undefined) return undefined
  if (typeof since !== 'string') {
    throw new ServerError('QUERY_INVALID', `since is a text such as -10; got ${quoteValue(since)}.`)
  }
  const cursor = parseCursor(since)
  if (cursor !== undefined) return readFrom(since)
  const start = parseSince(since)
  return start.kind === 'now' ? undefined : start
}

function readFrom(from: unknown): AddedSince {
  const cursor = typeof from === 'string' ? parseCursor(from) : undefined
  if (cursor !== undefined && cursor.parts.size === 0)
    return { kind: 'cursor', position: cursor.position }
  throw new ServerError(
    'QUERY_INVALID',
    `A cursor that added topics begin at is one without parts, such as an event's id or a receipt's cursor; got ${quoteValue(from)}.`,
  )
}
