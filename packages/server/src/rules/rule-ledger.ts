// The ledger of rules, one key per kind: all nodes of a log change them at the same position.

import { comparePositions, formatCursor, parseTopicSet } from '@tidemark/log'
import type { EventLog, EventRecord, Position } from '@tidemark/log'
import { rulesTopic } from '@tidemark/log/rules'
import type { RecordReader } from '../fan-out/fan-out.ts'
import { wrapLogError } from '../refusal/log-faults.ts'
import { FollowedRules } from './followed-rules.ts'
import type { FollowedKind, RulesInForce } from './rule-kind.ts'

/** Records read at once; there are a handful. */
const pageRecords = 1_000

interface Options {
  readonly log: EventLog
  /** Told of rules in the log that cannot be read; those before stay in force. */
  readonly onError: (error: unknown) => void
}

/** A kind whose rules are nobody's business here. */
type Followed = Pick<FollowedRules, 'adopt' | 'follow' | 'followEntry' | 'planAdoption'>

/** The ledger at one moment. */
interface Snapshot {
  /** By key. */
  readonly entries: ReadonlyMap<string | undefined, EventRecord>
  readonly at: Position
}

/** The rules of a node, as the records that it has handed over say. */
export class RuleLedger implements RecordReader {
  readonly #options: Options
  readonly #kinds = new Map<string, Followed>()

  constructor(options: Options) {
    this.#options = options
  }

  /** Follows a kind, beginning with its configuration. All kinds are added before {@link start}. */
  add<Rule>(followed: FollowedKind<Rule>): RulesInForce<Rule> {
    const { log, onError } = this.#options
    const rules = new FollowedRules<Rule>(followed, onError)
    this.#kinds.set(followed.kind.name, rules)
    return {
      get list() {
        return rules.list
      },
      get from() {
        return rules.from
      },
      replace: async (list) => {
        const events = [rules.encodeChange(list)]
        const [position] = await log.append({ events }).catch(wrapLogError)
        return formatCursor(position ?? (await log.bounds().catch(wrapLogError)).head)
      },
    }
  }

  /**
   * Reads what is in force; resolves to where the node begins, with the rules as they are there. A
   * configuration that differs from the last one is put in force for all nodes. One that is the same leaves
   * alone the changes made at run time since.
   */
  async start(): Promise<Position> {
    const { log } = this.#options
    const snapshot = await this.#read()
    for (const rules of this.#kinds.values()) {
      rules.followEntry(snapshot.entries)
      const adoption = rules.planAdoption(snapshot.entries)
      const [at] = adoption === undefined ? [] : await log.append(adoption)
      // Not when the tail hands it over: a node that starts must not wait for a tail that stands still, and
      // serves nobody yet.
      if (at !== undefined) rules.adopt(at)
    }
    return snapshot.at
  }

  /** Takes a record of the tail; most are of other topics. */
  take(record: EventRecord): void {
    if (record.topic !== rulesTopic || record.key === undefined) return
    this.#kinds.get(record.key)?.follow(record)
  }

  /**
   * The tail was overtaken, so a change may have been passed over. It is followed as soon as the log has told
   * of it.
   */
  overtaken(): void {
    const readAnew = async (): Promise<void> => {
      const { entries } = await this.#read()
      for (const rules of this.#kinds.values()) rules.followEntry(entries)
    }
    readAnew().catch(this.#options.onError)
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
}
