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
  /** Of the record the book was made of; 0 for the configuration. */
  #at = 0
  #from: RetentionInForce['from'] = 'configuration'
  #book: RuleBook

  constructor({ configured, lineage, onWarning }: CurrentRulesOptions) {
    this.#book = createRuleBook(configured)
    this.#lineage = lineage
    this.#onWarning = onWarning
  }

  /**
   * Call it within a snapshot or a transaction. While the rules are the same it costs one
   * comparison, and gives the same book.
   */
  find(tables: Tables, { rulesAt }: LogState): RuleBook {
    if (rulesAt === this.#at) return this.#book
    const found = this.#read(tables, rulesAt)
    // A committed record keeps its sequence, so the book of a sequence is that of its record.
    this.#at = rulesAt
    if (found === undefined) return this.#book
    this.#from = found.from
    this.#book = createRuleBook(found.retention)
    return this.#book
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
