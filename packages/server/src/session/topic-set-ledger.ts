// Changed topic sets in the log itself, so that a client comes back to them at any node, also after a crash.

import { openLedger, parseTopicSet } from '@tidemark/log'
import type { Clock, EventLog, Ledger, LedgerCodec, TopicSet } from '@tidemark/log'
import { ServerError } from '../errors.ts'
import { translateLogError } from '../refusal/log-faults.ts'
import { topicSetKeptMs } from './limits.ts'
import { hashKeptSet } from './topic-set-key.ts'
import type { KeptSet, SetOrigin, TopicSetTable } from './topic-set-table.ts'

/** The parts of a node that it needs. */
interface LedgerHost {
  readonly log: EventLog
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

/** An entry. Its names stay one text until somebody comes back for them. */
interface SetEntry {
  readonly origin: KeptSet['origin']
  /** When it ends, in milliseconds since 1970. */
  readonly until: number
  readonly names: string
}

/**
 * The ledger `$hub/state/topic-sets`. It is opened by the first change, or by the first cursor of a changed
 * stream: a node without those has none.
 */
export class TopicSetLedger implements TopicSetTable {
  readonly #host: LedgerHost
  #opening: Promise<Ledger<SetEntry>> | undefined
  #isClosed = false

  constructor(host: LedgerHost) {
    this.#host = host
  }

  /**
   * A set that is kept already costs no record, unless half its time is over.
   * @throws ServerError `TOPIC_SETS_FULL`, `LOG_UNAVAILABLE`
   */
  async keep(set: TopicSet, origin: SetOrigin): Promise<string> {
    const key = hashKeptSet(set, origin)
    await guard(async () => {
      const ledger = await this.#open()
      const kept = ledger.get(key)
      if (kept === undefined || this.#isAging(kept))
        await this.#write(ledger, key, { origin: plainOrigin(origin), names: set.key })
    })
    return key
  }

  /** @throws ServerError `LOG_UNAVAILABLE` */
  find(key: string): Promise<KeptSet | undefined> {
    return guard(async () => {
      const ledger = await this.#open()
      const kept = ledger.get(key) ?? (await this.#findAtHead(ledger, key))
      if (kept === undefined) return undefined
      if (this.#isAging(kept)) this.#write(ledger, key, kept).catch(this.#host.onError)
      return { topics: parseTopicSet(kept.names.split('\n')), origin: kept.origin }
    })
  }

  async refresh(keys: ReadonlySet<string>): Promise<void> {
    if (this.#opening === undefined || keys.size === 0) return
    const ledger = await this.#opening
    for (const key of keys) {
      const kept = ledger.get(key)
      // Of all nodes whose streams use it, the first to look writes.
      if (kept !== undefined && this.#isAging(kept)) await this.#write(ledger, key, kept)
    }
  }

  close(): void {
    this.#isClosed = true
    this.#opening?.then(
      (ledger) => ledger.close(),
      () => undefined,
    )
  }

  /** A failure is forgotten, so that the next caller tries again. */
  #open(): Promise<Ledger<SetEntry>> {
    this.#opening ??= this.#openNow().catch((error: unknown) => {
      this.#opening = undefined
      throw error
    })
    return this.#opening
  }

  async #openNow(): Promise<Ledger<SetEntry>> {
    const { log, clock, onError } = this.#host
    const ledger = await openLedger(log, 'topic-sets', { codec, clock, onError })
    if (this.#isClosed) ledger.close()
    return ledger
  }

  /** Another node may have kept it this moment: the client was faster than the tail. */
  async #findAtHead(ledger: Ledger<SetEntry>, key: string): Promise<SetEntry | undefined> {
    const { head } = await this.#host.log.bounds()
    await ledger.reached(head)
    return ledger.get(key)
  }

  async #write(
    ledger: Ledger<SetEntry>,
    key: string,
    { origin, names }: Omit<SetEntry, 'until'>,
  ): Promise<void> {
    const until = this.#host.clock.now() + topicSetKeptMs
    await ledger.set(key, { origin, names, until }, { expiresAt: until })
  }

  #isAging({ until }: SetEntry): boolean {
    return until - this.#host.clock.now() < topicSetKeptMs / 2
  }
}

/** The id of the session is in the key, and must be read nowhere. */
function plainOrigin({ asked, owner }: SetOrigin): KeptSet['origin'] {
  return owner === undefined ? { asked } : { asked, owner: { user: owner.user } }
}

/** A line of JSON, and the names, one a line. */
const codec: LedgerCodec<SetEntry> = {
  encode: ({ origin, until, names }) => `${JSON.stringify({ ...origin, until })}\n${names}`,
  decode(text) {
    const end = text.indexOf('\n')
    const { until, ...origin } = JSON.parse(text.slice(0, end)) as Omit<SetEntry, 'names'> &
      KeptSet['origin']
    return { origin, until, names: text.slice(end + 1) }
  },
}

async function guard<Result>(act: () => Promise<Result>): Promise<Result> {
  try {
    return await act()
  } catch (error) {
    const isFull = error instanceof Error && 'code' in error && error.code === 'LEDGER_FULL'
    if (!isFull) throw translateLogError(error)
    throw new ServerError(
      'TOPIC_SETS_FULL',
      `The log keeps as many changed topic sets as it may, so the topics stay as they are. Try again when some have ended, or open a stream of its own for them. ${error.message}`,
      { cause: error },
    )
  }
}
