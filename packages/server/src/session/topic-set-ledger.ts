// Changed topic sets in the log itself, so that a client comes back to them at any node, also after a crash.

import { openLedger, parseTopicSet } from '@tidemark/log'
import type { Clock, EventLog, Ledger, LedgerCodec, TopicSet } from '@tidemark/log'
import { hasLogCode, measureUtf8 } from '@tidemark/log/values'
import { ServerError } from '../errors.ts'
import { translateLogError } from '../refusal/log-faults.ts'
import { UserShares } from '../scheduled/user-shares.ts'
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
  /** In whose share it counts: the user whose stream was the first to follow it. */
  readonly user: string | undefined
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
    const { user } = origin
    await guard(async () => {
      const ledger = await this.#open()
      const kept = ledger.get(key)
      if (kept === undefined) {
        const entry = { origin: plainOrigin(origin), names: set.key, user }
        if (how.isSmaller) await this.#writeIfRoom(ledger, key, entry)
        else await this.#writeNew(ledger, key, entry)
      } else if (this.#isAging(kept)) await this.#write(ledger, key, kept)
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

  /** Another node may have kept it this moment: the client was faster than the tail. */
  async #findAtHead(ledger: Ledger<SetEntry>, key: string): Promise<SetEntry | undefined> {
    const { head } = await this.#host.log.bounds()
    await ledger.reached(head)
    return ledger.get(key)
  }

  #count(key: string, value: Omit<SetEntry, 'until'> | undefined): void {
    if (value === undefined) this.#shares.drop(key)
    else this.#shares.put(key, { user: value.user, bytes: weigh(value) })
  }

  /** Else a stream could not give up what it may not have any more. */
  async #writeIfRoom(ledger: Ledger<SetEntry>, key: string, entry: NewSet): Promise<void> {
    await this.#writeNew(ledger, key, entry).catch((error: unknown) => {
      if (!isFull(error)) throw error
    })
  }

  async #writeNew(ledger: Ledger<SetEntry>, key: string, entry: NewSet): Promise<void> {
    if (!this.#shares.hasRoom(entry.user, weigh(entry))) throw fullShare()
    this.#count(key, entry)
    try {
      await this.#write(ledger, key, entry)
    } catch (error) {
      // The ledger may have it all the same, and counts it again then.
      if (ledger.get(key) === undefined) this.#shares.drop(key)
      throw error
    }
  }

  async #write(
    ledger: Ledger<SetEntry>,
    key: string,
    { origin, names, user }: NewSet,
  ): Promise<void> {
    const until = this.#host.clock.now() + topicSetKeptMs
    await ledger.set(key, { origin, names, user, until }, { expiresAt: until })
  }

  #isAging({ until }: SetEntry): boolean {
    return until - this.#host.clock.now() < topicSetKeptMs / 2
  }
}

/** A set that is to be written. */
type NewSet = Omit<SetEntry, 'until'>

/** Bytes of an entry in the ledger, near enough. */
function weigh({ names }: NewSet): number {
  return measureUtf8(names) + 512
}

/** The id of the session is in the key, and must be read nowhere. */
function plainOrigin({ asked, owner }: SetOrigin): KeptSet['origin'] {
  return owner === undefined ? { asked } : { asked, owner: { user: owner.user } }
}

/** A line of JSON, and the names, one a line. */
const codec: LedgerCodec<SetEntry> = {
  encode: ({ origin, until, names, user }) =>
    `${JSON.stringify({ ...origin, until, user })}\n${names}`,
  decode(text) {
    const end = text.indexOf('\n')
    const { until, user, ...origin } = JSON.parse(text.slice(0, end)) as Omit<SetEntry, 'names'> &
      KeptSet['origin']
    return { origin, until, user, names: text.slice(end + 1) }
  },
}

async function guard<Result>(act: () => Promise<Result>): Promise<Result> {
  try {
    return await act()
  } catch (error) {
    if (!hasLogCode(error, 'LEDGER_FULL')) throw translateLogError(error)
    throw new ServerError(
      'TOPIC_SETS_FULL',
      `The log keeps as many changed topic sets as it may, so the topics stay as they are. Try again when some have ended, or open a stream of its own for them. ${describe(error)}`,
      { cause: error },
    )
  }
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : ''
}

function isFull(error: unknown): boolean {
  const isOurs = error instanceof ServerError && error.code === 'TOPIC_SETS_FULL'
  return isOurs || hasLogCode(error, 'LEDGER_FULL')
}

function fullShare(): ServerError {
  return new ServerError(
    'TOPIC_SETS_FULL',
    'The user has as many changed topic sets as others together may still have, so the topics stay as they are. Try again when some have ended, or open a stream of its own for them.',
  )
}
