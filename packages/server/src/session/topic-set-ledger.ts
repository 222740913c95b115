// Changed topic sets in the log itself, so that a client comes back to them at any node, also after a crash.

import { openLedger, parseTopicSet } from '@tidemark/log'
import type { Clock, EventLog, Ledger, LedgerCodec, TopicSet } from '@tidemark/log'
import { hasLogCode, measureUtf8 } from '@tidemark/log/values'
import { ServerError } from '../errors.ts'
import { translateLogError } from '../refusal/log-faults.ts'
import { topicSetKeptMs } from './limits.ts'
import { hashKeptSet } from './topic-set-key.ts'
import type { KeptSet, SetOrigin, TopicSetTable } from './topic-set-table.ts'
import { UserShares } from './user-shares.ts'

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
  /** Of whose share it is; of one that several users share, the first. */
  readonly by: string | undefined
  readonly names: string
}

/**
 * The ledger `$hub/state/topic-sets`. It is opened by the first change, or by the first cursor of a changed
 * stream: a node without those has none.
 */
export class TopicSetLedger implements TopicSetTable {
  readonly #host: LedgerHost
  readonly #shares = new UserShares()
  #opening: Promise<Ledger<SetEntry>> | undefined
  #isClosed = false

  constructor(host: LedgerHost) {
    this.#host = host
  }

  /**
   * A set that is kept already costs no record, unless half its time is over.
   * @throws ServerError `TOPIC_SETS_FULL`, not with `isSmaller`; `LOG_UNAVAILABLE`
   */
  async keep(set: TopicSet, origin: SetOrigin, how = { isSmaller: false }): Promise<string> {
    const key = hashKeptSet(set, origin)
    await guard(async () => {
      const ledger = await this.#open()
      const kept = ledger.get(key)
      const { by } = origin
      if (kept === undefined) this.#requireShare(by, set.key)
      if (kept === undefined || this.#isAging(kept))
        await this.#write(ledger, key, { origin: plainOrigin(origin), by, names: set.key })
    }).catch((error: unknown) => {
      // Else a stream could not give up what it may not have any more.
      if (!how.isSmaller || !isFull(error)) throw error
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
    ledger.onChange(({ key, value }) => this.#count(key, value))
    for (const { key, value } of ledger.entries()) this.#count(key, value)
    return ledger
  }

  #count(key: string, entry: Pick<SetEntry, 'by' | 'names'> | undefined): void {
    if (entry === undefined) this.#shares.drop(key)
    else this.#shares.put(key, { user: entry.by, bytes: weigh(entry.names) })
  }

  #requireShare(by: string | undefined, names: string): void {
    if (by === undefined || this.#shares.hasRoom(by, weigh(names))) return
    throw new ServerError(
      'TOPIC_SETS_FULL',
      'The user has as many changed topic sets as all others together may still have, so the topics stay as they are. Try again when some have ended, or open a stream of its own for them.',
    )
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
    { origin, by, names }: Omit<SetEntry, 'until'>,
  ): Promise<void> {
    const until = this.#host.clock.now() + topicSetKeptMs
    // Before the ledger has it: others of the same user may come in the meantime.
    this.#count(key, { by, names })
    try {
      await ledger.set(key, { origin, by, names, until }, { expiresAt: until })
    } catch (error) {
      if (ledger.get(key) === undefined) this.#shares.drop(key)
      throw error
    }
  }

  #isAging({ until }: SetEntry): boolean {
    return until - this.#host.clock.now() < topicSetKeptMs / 2
  }
}

/** The id of the session is in the key, and must be read nowhere. */
function plainOrigin({ asked, owner }: SetOrigin): KeptSet['origin'] {
  return owner === undefined ? { asked } : { asked, owner: { user: owner.user } }
}

/** The bytes that an entry takes in the ledger, near enough. */
function weigh(names: string): number {
  return measureUtf8(names) + 256
}

/** A line of JSON, and the names, one a line. */
const codec: LedgerCodec<SetEntry> = {
  encode: ({ origin, until, by, names }) => `${JSON.stringify({ ...origin, until, by })}\n${names}`,
  decode(text) {
    const end = text.indexOf('\n')
    const { until, by, ...origin } = JSON.parse(text.slice(0, end)) as Omit<SetEntry, 'names'> &
      KeptSet['origin']
    return { origin, until, by, names: text.slice(end + 1) }
  },
}

async function guard<Result>(act: () => Promise<Result>): Promise<Result> {
  try {
    return await act()
  } catch (error) {
    if (!hasLogCode(error, 'LEDGER_FULL')) throw translateLogError(error)
    throw new ServerError(
      'TOPIC_SETS_FULL',
      'The log keeps as many changed topic sets as it may, so the topics stay as they are. Try again when some have ended, or open a stream of its own for them.',
      { cause: error },
    )
  }
}

function isFull(error: unknown): boolean {
  return error instanceof ServerError && error.code === 'TOPIC_SETS_FULL'
}
