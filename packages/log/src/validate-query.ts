// Checks queries before any of them reaches storage.

import { invalidOption } from './check-option.ts'
import { LogError } from './errors.ts'
import type { ReadQuery, Since, TailHandler } from './event-log.ts'
import { requirePosition } from './position.ts'
import type { Position } from './position.ts'
import { hasMethods, readMembers } from './read-members.ts'
import type { TopicSet } from './topic-set.ts'

const query = { code: 'OPTION_INVALID', what: 'A query' } as const

/**
 * Checks the query of `read`.
 * @throws LogError `OPTION_INVALID`, `POSITION_INVALID`
 */
export function validateQuery(asked: ReadQuery): void {
  const { topics, after, upTo, limit } = readMembers(
    asked,
    ['topics', 'after', 'upTo', 'limit'],
    query,
  )
  requireTopicSet(topics)
  requirePosition(after)
  requirePosition(upTo)
  requireNumber('limit', limit)
}

/**
 * Checks the query of `locate`.
 * @throws LogError `OPTION_INVALID`
 */
export function validateLocate(asked: { readonly topics: TopicSet; readonly since: Since }): void {
  const { topics, since } = readMembers(asked, ['topics', 'since'], query)
  requireTopicSet(topics)
  const known: Partial<Record<'kind' | 'count' | 'ageMs', unknown>> = readMembers(
    since as { kind: unknown; count: unknown; ageMs: unknown },
    ['kind', 'count', 'ageMs'],
    { code: 'OPTION_INVALID', what: '`since`' },
  )
  if (known.kind === 'earliest') return
  if (known.kind === 'last') requireNumber('since.count', known.count)
  else if (known.kind === 'age') requireNumber('since.ageMs', known.ageMs)
  else throw invalidOption('since.kind must be earliest, last or age', known.kind)
}

/**
 * Checks the arguments of `tail`.
 * @throws LogError `POSITION_INVALID`, `OPTION_INVALID`
 */
export function validateTail(after: Position, handler: TailHandler): void {
  requirePosition(after)
  const { overtaken } = readMembers(handler, ['overtaken'], {
    code: 'OPTION_INVALID',
    what: 'The handler of a tail',
  })
  const isWhole = hasMethods(handler, ['records'])
  if (isWhole && (overtaken === undefined || typeof overtaken === 'function')) return
  throw new LogError(
    'OPTION_INVALID',
    'The handler of a tail has a function `records`, and may have a function `overtaken`.',
  )
}

function requireTopicSet(value: unknown): void {
  if (hasMethods(value, ['matches'])) return
  throw invalidOption('topics must be a set that parseTopicSet has made', value)
}

function requireNumber(name: string, value: unknown): void {
  if (typeof value === 'number' && !Number.isNaN(value)) return
  throw invalidOption(`${name} must be a number`, value)
}
