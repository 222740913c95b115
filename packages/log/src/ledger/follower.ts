// A ledger's way through its log: a snapshot, then the tail; and the snapshot again when the tail was overtaken.

import type { Clock, Timer } from '../clock.ts'
import { hasLogCode } from '../errors.ts'
import type { EventLog, EventRecord, Tail } from '../event-log.ts'
import { ledgerRetryMs } from '../limits.ts'
import { comparePositions } from '../position.ts'
import type { Position } from '../position.ts'
import type { Topic } from '../topic.ts'
import { parseTopicSet } from '../topic-set.ts'
import type { TopicSet } from '../topic-set.ts'

export interface Snapshot {
  readonly at: Position
  /** Oldest first. A key may be missing that one of `tailed` has. */
  readonly read: readonly EventRecord[]
  /** What has followed on the way to `at`. */
  readonly tailed: readonly EventRecord[]
}

export interface FollowerOptions {
  readonly log: EventLog
  readonly clock: Clock
  readonly topic: Topic
  /** Records of the topic, in log order. */
  readonly onRecords: (records: readonly EventRecord[]) => void
  /** All there is of the topic at a position. */
  readonly onSnapshot: (snapshot: Snapshot) => void
  /** Told after every move, also of one without a record of the topic. */
  readonly onMoved: () => void
  /** Told of a snapshot that could not be read anew; it is tried again. */
  readonly onError: (error: unknown) => void
}

/** Records read at once. A page ends with 256 Ki characters of data anyway. */
const pageRecords = 1_000

export class Follower {
  readonly #options: FollowerOptions
  /** The tail in use; undefined while a snapshot is read anew. */
  #tail: Tail | undefined
  /** Where the ledger stands meanwhile. */
  #stoodAt: Position
  #retry: Timer | undefined
  #isClosed = false

  private constructor(start: Position, options: FollowerOptions) {
    this.#stoodAt = start
    this.#options = options
  }

  /** Reads the snapshot. Rejects with the log's error. */
  static async open(options: FollowerOptions): Promise<Follower> {
    const { head } = await options.log.bounds()
    const follower = new Follower(head, options)
    while (!(await follower.#catchUp()));
    return follower
  }

  get position(): Position {
    return this.#tail?.position ?? this.#stoodAt
  }

  close(): void {
    if (this.#isClosed) return
    this.#stoodAt = this.position
    this.#isClosed = true
    this.#retry?.cancel()
    this.#tail?.close()
    this.#tail = undefined
  }

  /**
   * Reads up to one head and tails on to a later one. A record that was superseded while pages were read is missing from the pages, and
   * what superseded it lies before the later head: from there on the ledger is whole. False when the tail was overtaken meanwhile.
   */
  async #catchUp(): Promise<boolean> {
    const { log, topic } = this.#options
    const { head: from } = await log.bounds()
    const read = await readAll(log, parseTopicSet([topic]), from)
    const { head: whole } = await log.bounds()
    return await new Promise((resolve, reject) => {
      const joining = new Joining({ ...this.#options, from, whole })
      joining.start({
        joined: (tail) => {
          if (this.#isClosed) tail.close()
          else this.#join(tail, { at: tail.position, read, tailed: joining.tailed })
          resolve(true)
        },
        live: (batch) => this.#take(batch),
        overtaken: (isLive) => (isLive ? this.#readAnew() : resolve(false)),
        failed: reject,
      })
    })
  }

  #join(tail: Tail, snapshot: Snapshot): void {
    this.#tail = tail
    this.#options.onSnapshot(snapshot)
    this.#options.onMoved()
  }

  #take(batch: readonly EventRecord[]): void {
    const { topic: own, onRecords, onMoved } = this.#options
    // Asked first: most batches have nothing of the ledger, and a list for each would cost more than the look.
    if (batch.some(({ topic }) => topic === own))
      onRecords(batch.filter(({ topic }) => topic === own))
    onMoved()
  }

  /** The ledger stays where it stood until the new snapshot is whole. */
  #readAnew(): void {
    if (this.#isClosed) return
    this.#stoodAt = this.#tail?.position ?? this.#stoodAt
    this.#tail = undefined
    void this.#tryAgain()
  }

  async #tryAgain(): Promise<void> {
    try {
      while (!this.#isClosed && !(await this.#catchUp()));
    } catch (error) {
      if (this.#isClosed) return
      // A closed log stays closed: its ledgers stand still and their calls say so.
      if (hasLogCode(error, 'LOG_CLOSED')) return
      this.#options.onError(error)
      this.#retry = this.#options.clock.after(ledgerRetryMs, () => void this.#tryAgain())
    }
  }
}

interface JoiningOptions {
  readonly log: EventLog
  readonly clock: Clock
  readonly topic: Topic
  readonly from: Position
  readonly whole: Position
}

interface JoiningHandler {
  joined(tail: Tail): void
  live(batch: readonly EventRecord[]): void
  overtaken(isLive: boolean): void
  failed(error: unknown): void
}

/** A tail on its way to where the snapshot is whole, and from there on. */
class Joining {
  readonly tailed: EventRecord[] = []
  readonly #options: JoiningOptions
  #isLive = false
  #look: Timer | undefined

  constructor(options: JoiningOptions) {
    this.#options = options
  }

  start(handler: JoiningHandler): void {
    const { log, topic, from } = this.#options
    const tail = log.tail(from, {
      records: (batch) => {
        if (this.#isLive) {
          handler.live(batch)
          return
        }
        for (const record of batch) if (record.topic === topic) this.tailed.push(record)
        this.#settle(tail, handler)
      },
      overtaken: () => {
        this.#look?.cancel()
        tail.close()
        handler.overtaken(this.#isLive)
      },
    })
    this.#settle(tail, handler)
  }

  #settle(tail: Tail, handler: JoiningHandler): void {
    if (this.#isLive) return
    this.#look?.cancel()
    if (comparePositions(tail.position, this.#options.whole) >= 0) {
      this.#isLive = true
      handler.joined(tail)
      return
    }
    const { log, clock } = this.#options
    const settle = (): void => this.#settle(tail, handler)
    // A tail may move on without a word, and that of a log that is closed stands still.
    const look = (): void => {
      log.bounds().then(settle, (error: unknown) => {
        tail.close()
        handler.failed(error)
      })
    }
    this.#look = clock.after(ledgerRetryMs, look, { isAwaited: true })
  }
}

/** What the log holds of the topics up to `upTo`. That older entries were removed is no loss to a reader who had none. */
async function readAll(log: EventLog, topics: TopicSet, upTo: Position): Promise<EventRecord[]> {
  const records: EventRecord[] = []
  let after = await log.locate({ topics, since: { kind: 'earliest' } })
  while (comparePositions(after, upTo) < 0) {
    const page = await log.read({ topics, after, upTo, limit: pageRecords })
    for (const record of page.records) records.push(record)
    after = page.next
  }
  return records
}
