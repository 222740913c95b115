// Whom an event is sent to.

import { parsePattern } from '@tidemark/log'
import { nearestName, quote, quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { ownerCharactersMax, publishEventsMax } from '../limits.ts'
import { readList } from '../read-members.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import type { SpreadTarget } from './spreader.ts'

/**
 * Exactly one of these. `permission` may also stand beside `label`, `pattern` or `everyone`. Then it leaves
 * of them the sessions whose grant has it.
 */
export interface SendTarget {
  /** The id of a session, as `tidemark.ready` says it. */
  readonly session?: string | undefined
  /** The user's topics. Stored: a user who is away gets the event later. */
  readonly user?: string | undefined
  /** Several users, 1 to 10,000: all of them get it, or none. Stored. */
  readonly users?: readonly string[] | undefined
  /** A topic, as with `publish`. Stored. */
  readonly topic?: string | undefined
  /** All sessions with this label. */
  readonly label?: string | undefined
  /** All sessions that follow a topic which it matches, or that may follow one by a pattern of theirs. */
  readonly pattern?: string | undefined
  /** All sessions. */
  readonly everyone?: true | undefined
  /** All sessions whose grant has this permission. */
  readonly permission?: string | undefined
}

/** A target, checked. */
export type CheckedTarget =
  | { readonly kind: 'session'; readonly id: string }
  | { readonly kind: 'users'; readonly users: readonly string[] }
  | { readonly kind: 'topic'; readonly topic: string }
  | { readonly kind: 'sessions'; readonly to: SpreadTarget }

const kinds = ['session', 'user', 'users', 'topic', 'label', 'pattern', 'everyone'] as const
const targetNames = [...kinds, 'permission'] as const
/** Targets that `permission` may narrow. */
const narrowed: readonly string[] = ['label', 'pattern', 'everyone']

/**
 * Checks a target.
 * @throws ServerError `TARGET_INVALID`, `TOPIC_INVALID`
 */
export function readTarget(given: SendTarget): CheckedTarget {
  const members = readObject(given)
  const present = kinds.filter((name) => members.get(name) !== undefined)
  const permission = readText('permission', members)
  const [kind, other] = present
  if (other !== undefined) throw invalid(`has ${quote(present.join(' and '))}`)
  if (permission !== undefined && kind !== undefined && !narrowed.includes(kind))
    throw invalid(`has a permission beside ${kind}, which it cannot narrow`)
  if (kind === undefined && permission === undefined) throw invalid('names nobody')
  if (kind === 'session') return { kind, id: readText(kind, members) ?? '' }
  if (kind === 'user') return { kind: 'users', users: [readText(kind, members) ?? ''] }
  if (kind === 'users') return { kind, users: readUsers(members.get(kind)) }
  if (kind === 'topic') return { kind, topic: readText(kind, members) ?? '' }
  if (kind === 'everyone' && members.get(kind) !== true)
    throw invalid(`has everyone that is not true: ${quoteValue(members.get(kind))}`)
  const label = readText('label', members)
  const pattern = readPattern(readText('pattern', members))
  return { kind: 'sessions', to: { label, pattern, permission } }
}

function readObject(given: SendTarget): ReadonlyMap<string, unknown> {
  let members: ReadonlyMap<string, unknown> | undefined
  try {
    if (typeof given === 'object' && given !== null && !Array.isArray(given))
      members = new Map(Object.entries(given))
  } catch (cause) {
    throw invalid('throws when it is read', cause)
  }
  if (members === undefined) throw invalid(`is ${quoteValue(given)}`)
  for (const name of members.keys()) {
    if (targetNames.some((known) => known === name)) continue
    const nearest = nearestName(name, targetNames)
    const hint = nearest === undefined ? '' : `; did you mean ${nearest}?`
    throw invalid(`has an unknown member ${quote(name)}${hint}`)
  }
  return members
}

function readText(name: string, members: ReadonlyMap<string, unknown>): string | undefined {
  const text = members.get(name)
  if (text === undefined) return undefined
  const isName = typeof text === 'string' && text !== '' && text.length <= ownerCharactersMax
  if (isName) return text
  throw invalid(`needs 1 to ${ownerCharactersMax} characters as ${name}; got ${quoteValue(text)}`)
}

function readUsers(given: unknown): readonly string[] {
  const what = { code: 'TARGET_INVALID', what: 'users of a target' } as const
  const users: readonly unknown[] = readList(given as readonly unknown[], what)
  if (users.length === 0 || users.length > publishEventsMax)
    throw invalid(`may name 1 to ${publishEventsMax} users; got ${users.length}`)
  // Each is checked with its topic.
  return [...new Set(users as readonly string[])]
}

function readPattern(text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  try {
    return parsePattern(text)
  } catch (error) {
    return wrapLogError(error)
  }
}

function invalid(fault: string, cause?: unknown): ServerError {
  return new ServerError(
    'TARGET_INVALID',
    `A target is one of {session}, {user}, {users}, {topic}, {label}, {pattern}, {everyone: true} and {permission}; this one ${fault}.`,
    { cause },
  )
}
