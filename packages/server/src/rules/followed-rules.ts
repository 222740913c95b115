// The rules of one kind as a node follows them: decoded, in force, and as events that change them.

import { comparePositions, formatCursor } from '@tidemark/log'
import type { EventLog, EventRecord, NewEvent, Position } from '@tidemark/log'
import { decodeRules, encodeRules, fingerprintBatch } from '@tidemark/log/rules'
import type { RulesOrigin } from '@tidemark/log/rules'
import { ServerError } from '../errors.ts'
import type { FollowedKind } from './rule-kind.ts'

/** The entries of the ledger of rules, by key. */
type Entries = ReadonlyMap<string | undefined, EventRecord>

/** An entry as it is written. */
interface Stored<Rule> {
  readonly from: RulesOrigin
  readonly rules: readonly Rule[]
}

/** One kind. The newest record of its key is in force. */
export class FollowedRules<Rule = unknown> {
  readonly #followed: FollowedKind<Rule>
  readonly #onError: (error: unknown) => void
  #list: readonly Rule[]
  #from: RulesOrigin = 'configuration'
  /** The record they are from. */
  #at: Position | undefined

  constructor(followed: FollowedKind<Rule>, onError: (error: unknown) => void) {
    this.#followed = followed
    this.#onError = onError
    this.#list = followed.configured ?? []
    followed.apply(this.#list)
  }

  get list(): readonly Rule[] {
    return this.#list
  }

  get from(): RulesOrigin {
    return this.#from
  }

  /**
   * The event that puts a list in force.
   * @throws ServerError `RULE_INVALID`
   */
  encodeChange(given: readonly Rule[]): NewEvent {
    const { name, check } = this.#followed.kind
    try {
      return encodeRules(name, { from: 'change', rules: check(given) })
    } catch (cause) {
      if (!(cause instanceof ServerError) || cause.code !== 'OPTION_INVALID') throw cause
      throw new ServerError('RULE_INVALID', cause.message, { cause })
    }
  }

  /**
   * The batch that puts the configuration in force for all; undefined where it is the one configured last.
   * Its key lets one of several workers in that start together.
   */
  planAdoption(entries: Entries): Parameters<EventLog['append']>[0] | undefined {
    const { kind, configured: rules } = this.#followed
    if (rules === undefined) return undefined
    const configuredKey = `${kind.name}.configured`
    const before = entries.get(configuredKey)
    const known = before === undefined ? [] : this.#decode(before)?.rules
    if (JSON.stringify(known) === JSON.stringify(rules)) return undefined
    const events = [kind.name, configuredKey].map((key) =>
      encodeRules(key, { from: 'configuration', rules }),
    )
    const after = before === undefined ? 'none' : formatCursor(before.position)
    return { events, idempotencyKey: `$hub/rules/${fingerprintBatch(events)}/${after}` }
  }

  /** The configuration is in force for all, from this position on. */
  adopt(at: Position): void {
    this.#follow({ from: 'configuration', rules: this.#followed.configured ?? [] }, at)
  }

  /** Follows the entry of its key. Without one that can be read, the rules stay as they are. */
  followEntry(entries: Entries): void {
    const entry = entries.get(this.#followed.kind.name)
    if (entry !== undefined) this.follow(entry)
  }

  /** Follows a record of its key. */
  follow(record: EventRecord): void {
    const stored = this.#decode(record)
    if (stored !== undefined) this.#follow(stored, record.position)
  }

  #follow({ from, rules }: Stored<Rule>, position: Position): void {
    if (this.#at !== undefined && comparePositions(position, this.#at) < 0) return
    this.#at = position
    this.#from = from
    this.#list = rules
    this.#followed.apply(rules)
  }

  #decode(record: Pick<EventRecord, 'type' | 'data'>): Stored<Rule> | undefined {
    try {
      const { from, rules } = decodeRules(record)
      return { from, rules: this.#followed.kind.check(rules as readonly Rule[]) }
    } catch (error) {
      this.#onError(error)
      return undefined
    }
  }
}
