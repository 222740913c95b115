// Rules as entries of the ledger `rules`: one key per kind. The newest record of a key is in force
// from its position on.

import type { EventRecord, NewEvent } from './event-log.ts'
import { LogError } from './errors.ts'
import { ledgerPrefix } from './ledger-room.ts'
import { encodeEntry } from './ledger/ledger-record.ts'
import { quoteValue } from './quote.ts'
import { parseTopic } from './topic.ts'
import type { Topic } from './topic.ts'

/** The ledger `rules`. */
export const rulesTopic: Topic = parseTopic(`${ledgerPrefix}rules`)

/** The first line of an entry that nobody claims, and that does not expire. */
const plainHead = encodeEntry({ topic: rulesTopic, key: '', text: '', expiresAt: Infinity }).data

/** Where rules come from: the configuration that a process was started with, or a change at run time. */
export type RulesOrigin = 'configuration' | 'change'

/** The value of an entry. */
export interface StoredRules {
  readonly from: RulesOrigin
  /** As JSON has them; checked by whoever knows the kind. */
  readonly rules: unknown
}

/** The event that puts rules of a kind in force. */
export function encodeRules(key: string, { from, rules }: StoredRules): NewEvent {
  return encodeEntry({
    topic: rulesTopic,
    key,
    text: JSON.stringify({ from, rules }),
    expiresAt: Infinity,
  })
}

/**
 * The rules that a record of the ledger puts in force.
 * @throws LogError `OPTION_INVALID` for a deletion, an entry that expires, a claim, or any other value
 */
export function decodeRules(record: Pick<EventRecord, 'type' | 'data'>): StoredRules {
  // Rules that end by themselves, or that another claim displaces, would not be the newest record
  // of their key.
  const isPlain = record.type === 'set' && record.data.startsWith(plainHead)
  const text = isPlain ? record.data.slice(plainHead.length) : undefined
  const value = text === undefined ? undefined : parseJson(text)
  if (typeof value === 'object' && value !== null) {
    const { from, rules } = value as Partial<StoredRules>
    if ((from === 'configuration' || from === 'change') && rules !== undefined)
      return { from, rules }
  }
  throw new LogError(
    'OPTION_INVALID',
    `An entry of the ledger of rules sets them for good, and is replaced, never deleted or claimed; got ${quoteValue(record.data)}. Change them with \`changeRetention\`, or \`tide.rules.lag.replace\`.`,
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
