// The retention in force, as the newest state says: the newest record of the ledger of rules, or
// the configuration.

import type { Retention, RetentionInForce } from '@tidemark/log'
import { createRuleBook, decodeRetention } from '@tidemark/log/driver'
import type { Lineage, RuleBook } from '@tidemark/log/driver'
import { describe } from '../failures.ts'
import type { LogState } from '../tables/log-state.ts'
import { decodeRecord } from '../tables/record-codec.ts'
import { sequenceKey } from '../tables/schema.ts'
import type { Tables } from '../tables/schema.ts'

export interface CurrentRulesOptions {
  /** The retention that this process was opened with. It holds while the log has no record of its own. */
  readonly configured: Retention
  readonly lineage: Lineage
  /** Told of a record that cannot be read. */
  readonly onWarning: (text: string) => void
}

/**
 * The rules of one handle. Every transaction and every sweep asks anew, so that no process goes on
 * with rules that were replaced.
 */
export class CurrentRules {
  readonly #lineage: Lineage
  readonly #onWarning: (text: string) => void
  readonly #configured: RuleBook
  /** Of the record the book was made of; 0 for the configuration. */
  #at = 0
  /** The head when it was made. */
  #head = 0
  #from: RetentionInForce['from'] = 'configuration'
  #book: RuleBook
  #isRead = true

  constructor({ configured, lineage, onWarning }: CurrentRulesOptions) {
    this.#configured = createRuleBook(configured)
    this.#book = this.#configured
    this.#lineage = lineage
    this.#onWarning = onWarning
  }

  /**
   * Call it within a snapshot or a transaction. While the rules are the same it costs one
   * comparison, and gives the same book.
   */
  find(tables: Tables, { rulesAt, head }: LogState): RuleBook {
    // A committed record keeps its sequence, so the book of a sequence is that of its record. Behind
    // a lower head the record was never committed, and the sequence may be given to another one.
    if (rulesAt === this.#at && head >= this.#head) return this.#book
    this.#at = rulesAt
    this.#head = head
    const found = rulesAt === 0 ? undefined : this.#read(tables, rulesAt)
    this.#isRead = rulesAt === 0 || found !== undefined
    if (found !== undefined) this.#book = createRuleBook(found.retention)
    else if (rulesAt === 0) this.#book = this.#configured
    if (this.#isRead) this.#from = found?.from ?? 'configuration'
    return this.#book
  }

  /** False while the newest record is one that this version cannot read, after {@link find}. */
  get isRead(): boolean {
    return this.#isRead
  }

  /** As {@link find}. */
  inForce(tables: Tables, state: LogState): RetentionInForce {
    const { retention } = this.find(tables, state)
    return { retention, from: this.#from }
  }

  #read(tables: Tables, sequence: number): RetentionInForce | undefined {
    try {
      const bytes = tables.records.getBinary(sequenceKey(sequence))
      if (bytes === undefined) throw new Error(`it has no record ${sequence}`)
      return decodeRetention(decodeRecord(bytes, this.#lineage.positionAt(sequence)))
    } catch (error) {
      this.#onWarning(
        `The retention in force cannot be read from the log, and stays as it was in this process: ${describe(error)}`,
      )
      return undefined
    }
  }
}
