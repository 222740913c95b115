// Where lag rules come from: the ledger of rules, so that all nodes of a log change them at the same
// position.

import { comparePositions, formatCursor, parseTopicSet } from '@tidemark/log'
import type { EventLog, EventRecord, Position } from '@tidemark/log'
import { decodeRules, encodeRules, fingerprintBatch, rulesTopic } from '@tidemark/log/rules'
import type { RulesOrigin } from '@tidemark/log/rules'
import { ServerError } from '../errors.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import { LagRules, checkLagRules } from './lag-rules.ts'
import type { LagRule } from './lag-rules.ts'

/** The key of the rules in force. */
const lagKey = 'lag'
/** The key of the rules that were configured last. */
const configuredKey = 'lag.configured'
/** Records read at once; there are a handful. */
const pageRecords = 1_000

/** The lag rules of all nodes of a log. */
export interface LagRulesInForce {
  /** As this node follows them. */
  readonly list: readonly LagRule[]
  /** Where they come from: a configuration, or `replace` of any node. */
  readonly from: RulesOrigin
  /**
   * Replaces them on all nodes. Resolves when the log has them, to the cursor from which on they hold: each
   * node follows when its tail hands that record over. They outlive restarts, until a node is made with other
   * `lagRules` than the last ones.
   * @throws ServerError `OPTION_INVALID`, `LOG_UNAVAILABLE`
   *
   * @example
   * ```ts
   * await tide.lagRules.replace([{ pattern: 'prices/**', whenLagging: 'conflate' }, ...tide.lagRules.list])
   * ```
   */
  replace(rules: readonly LagRule[]): Promise<string>
}

interface Options {
  readonly log: EventLog
  /** The rules of this node's configuration; undefined: those that others have configured. */
  readonly lagRules: readonly LagRule[] | undefined
  /** Told of rules in the log that cannot be read; those before stay in force. */
  readonly onError: (error: unknown) => void
}

interface Snapshot {
  /** By key. */
  readonly entries: ReadonlyMap<string | undefined, EventRecord>
  readonly at: Position
}

/** An entry as it is written. */
interface Stored {
  readonly from: RulesOrigin
  readonly rules: readonly LagRule[]
}

/** The rules of a node, as the records that it has handed over say. */
export class LagLedger {
  readonly rules: LagRules
  readonly #options: Options
  #from: RulesOrigin = 'configuration'
  /** The record they are from. */
  #at: Position | undefined

  constructor(options: Options) {
    this.#options = options
    this.rules = new LagRules(options.lagRules ?? [])
  }

  /** The rules as users see them. */
  get inForce(): LagRulesInForce {
    const { rules } = this
    const readFrom = (): RulesOrigin => this.#from
    return {
      get list() {
        return rules.list
      },
      get from() {
        return readFrom()
      },
      replace: async (list) => formatCursor(await this.#change(list).catch(wrapLogError)),
    }
  }

  /**
   * Reads what is in force; resolves to where the node begins, with the rules as they are there. A
   * configuration that differs from the last one is put in force for all nodes. One that is the same leaves
   * alone the changes made at run time since.
   */
  async start(): Promise<Position> {
    const { log, lagRules: configured = [] } = this.#options
    const snapshot = await this.#read()
    this.#followEntries(snapshot)
    const adoption = this.#planAdoption(snapshot)
    const [at] = adoption === undefined ? [] : await log.append(adoption)
    // Not when the tail hands it over: a node that starts must not wait for a tail that stands still, and
    // serves nobody yet.
    if (at !== undefined) this.#follow({ from: 'configuration', rules: configured }, at)
    return snapshot.at
  }

  /** Takes a record of the tail; most are of other topics. */
  take(record: EventRecord): void {
    if (record.topic !== rulesTopic || record.key !== lagKey) return
    const stored = this.#decode(record)
    if (stored !== undefined) this.#follow(stored, record.position)
  }

  /**
   * The tail was overtaken, so a change may have been passed over. It is followed as soon as the log has told
   * of it.
   */
  readAnew(): void {
    const readAnew = async (): Promise<void> => this.#followEntries(await this.#read())
    readAnew().catch(this.#options.onError)
  }

  async #change(given: readonly LagRule[]): Promise<Position> {
    const rules = checkLagRules(given)
    const event = encodeRules(lagKey, { from: 'change', rules })
    const [position] = await this.#options.log.append({ events: [event] })
    if (position !== undefined) return position
    throw new ServerError('LOG_UNAVAILABLE', 'The log gave no position for a change of lag rules.')
  }

  /**
   * The ledger up to the head. An entry that is superseded meanwhile may be missing: what follows it comes by
   * the tail.
   */
  async #read(): Promise<Snapshot> {
    const { log } = this.#options
    const topics = parseTopicSet([rulesTopic])
    const entries = new Map<string | undefined, EventRecord>()
    const { head } = await log.bounds()
    let after = await log.locate({ topics, since: { kind: 'earliest' } })
    while (comparePositions(after, head) < 0) {
      const page = await log.read({ topics, after, upTo: head, limit: pageRecords })
      for (const record of page.records) entries.set(record.key, record)
      after = page.next
    }
    return { entries, at: head }
  }

  /** The key lets one of several workers in that start together. */
  #planAdoption({ entries }: Snapshot): Parameters<EventLog['append']>[0] | undefined {
    const { lagRules: rules } = this.#options
    if (rules === undefined) return undefined
    const before = entries.get(configuredKey)
    const known = before === undefined ? [] : this.#decode(before)?.rules
    if (JSON.stringify(known) === JSON.stringify(rules)) return undefined
    const events = [lagKey, configuredKey].map((key) =>
      encodeRules(key, { from: 'configuration', rules }),
    )
    const after = before === undefined ? 'none' : formatCursor(before.position)
    return { events, idempotencyKey: `$hub/rules/${fingerprintBatch(events)}/${after}` }
  }

  #followEntries({ entries }: Snapshot): void {
    const entry = entries.get(lagKey)
    const stored = entry && this.#decode(entry)
    // Without an entry, or with one that cannot be read, the rules stay as they were: the own ones at the
    // start.
    if (entry !== undefined && stored !== undefined) this.#follow(stored, entry.position)
  }

  #follow({ from, rules }: Stored, position: Position): void {
    if (this.#at !== undefined && comparePositions(position, this.#at) < 0) return
    this.#at = position
    this.#from = from
    this.rules.replace(rules)
  }

  #decode(record: Pick<EventRecord, 'type' | 'data'>): Stored | undefined {
    try {
      const { from, rules } = decodeRules(record)
      return { from, rules: checkLagRules(rules as readonly LagRule[]) }
    } catch (error) {
      this.#options.onError(error)
      return undefined
    }
  }
}
