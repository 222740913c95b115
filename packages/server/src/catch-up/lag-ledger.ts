// Where lag rules come from: the ledger of rules, so that all nodes of a log change them at the same position.

import { comparePositions, formatCursor, openLedger } from '@tidemark/log'
import type { Clock, EventLog, EventRecord, Ledger, Position } from '@tidemark/log'
import {
  decodeRules,
  encodeRules,
  fingerprintBatch,
  rulesLedger,
  rulesTopic,
} from '@tidemark/log/driver'
import type { RulesOrigin } from '@tidemark/log/driver'
import { ServerError } from '../errors.ts'
import { LagRules, checkLagRules } from './lag-rules.ts'
import type { LagRule } from './lag-rules.ts'

/** The key of the rules in force. */
const lagKey = 'lag'
/** The key of the rules that were configured last. */
const configuredKey = 'lag.configured'

export interface LagLedgerOptions {
  readonly log: EventLog
  readonly clock: Clock
  /** What this node was made with; undefined: what others have configured. */
  readonly configured: readonly LagRule[] | undefined
  /** Told of rules in the log that cannot be read; those before stay in force. */
  readonly onError: (error: unknown) => void
}

/** An entry as it is written. */
interface Stored {
  readonly from: RulesOrigin
  readonly rules: readonly LagRule[]
}

/** The rules of a node, as the records that it has handed over say. */
export class LagLedger {
  readonly rules: LagRules
  readonly #options: LagLedgerOptions
  #from: RulesOrigin = 'configuration'
  /** The record they are from. */
  #at: Position | undefined

  constructor(options: LagLedgerOptions) {
    this.#options = options
    this.rules = new LagRules(options.configured ?? [])
  }

  get from(): RulesOrigin {
    return this.#from
  }

  /**
   * Reads what is in force; resolves to where the node begins, with the rules as they are there. A configuration that is another than was
   * configured last is put in force for all nodes; one that is the same leaves alone what has been changed at run time since.
   */
  async start(): Promise<Position> {
    const { log } = this.#options
    const ledger = await this.#open()
    try {
      const adoption = this.#planAdoption(ledger)
      const positions = adoption === undefined ? [] : await log.append(adoption)
      const last = positions.at(-1)
      if (last !== undefined) await ledger.reached(last)
      // From here on in one tick: what comes behind this position is the tail's to tell.
      this.#followEntries(ledger)
      return ledger.position
    } finally {
      ledger.close()
    }
  }

  /** Takes a record of the tail; most are of other topics. */
  take(record: EventRecord): void {
    if (record.topic !== rulesTopic || record.key !== lagKey) return
    const stored = this.#decode(record)
    if (stored !== undefined) this.#follow(stored, record.position)
  }

  /** The tail was overtaken, so a change may have been passed over. It is followed as soon as the log has told of it. */
  readAnew(): void {
    const readAnew = async (): Promise<void> => {
      const ledger = await this.#open()
      this.#followEntries(ledger)
      ledger.close()
    }
    readAnew().catch(this.#options.onError)
  }

  /**
   * Puts other rules in force; resolves to the position from which on every node follows them.
   * @throws ServerError `OPTION_INVALID`
   */
  async change(given: readonly LagRule[]): Promise<Position> {
    const rules = checkLagRules(given)
    const event = encodeRules(lagKey, { from: 'change', rules })
    const [position] = await this.#options.log.append({ events: [event] })
    if (position !== undefined) return position
    throw new ServerError('LOG_UNAVAILABLE', 'The log gave no position for a change of lag rules.')
  }

  #open(): Promise<Ledger<string>> {
    const { log, clock, onError } = this.#options
    return openLedger(log, rulesLedger, { codec: textCodec, clock, onError })
  }

  /** The key lets one of several workers in that start together. */
  #planAdoption(ledger: Ledger<string>): Parameters<EventLog['append']>[0] | undefined {
    const { configured } = this.#options
    if (configured === undefined) return undefined
    const before = ledger.entries().find(({ key }) => key === configuredKey)
    const known = before === undefined ? [] : (this.#decodeText(before.value)?.rules ?? [])
    const rules = checkLagRules(configured)
    if (JSON.stringify(known) === JSON.stringify(rules)) return undefined
    const events = [lagKey, configuredKey].map((key) =>
      encodeRules(key, { from: 'configuration', rules }),
    )
    const after = before === undefined ? 'none' : formatCursor(before.position)
    return { events, idempotencyKey: `$hub/rules/${fingerprintBatch(events)}/${after}` }
  }

  #followEntries(ledger: Ledger<string>): void {
    const entry = ledger.entries().find(({ key }) => key === lagKey)
    const stored = entry && this.#decodeText(entry.value)
    if (stored !== undefined) this.#follow(stored, entry?.position)
    // Nobody has said anything yet: what this node begins with is none.
    else if (entry === undefined) this.rules.replace([])
  }

  #follow({ from, rules }: Stored, position: Position | undefined): void {
    const isOlder =
      position !== undefined && this.#at !== undefined && comparePositions(position, this.#at) < 0
    if (isOlder) return
    this.#at = position
    this.#from = from
    this.rules.replace(rules)
  }

  #decodeText(text: string): Stored | undefined {
    return this.#decode({ type: 'set', data: `- -\n${text}` })
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

const textCodec = { encode: (text: string): string => text, decode: (text: string): string => text }
