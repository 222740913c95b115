// Tells topics of users that come and leave: once, however many nodes see it.
//
// A ledger says which users were announced. The node of a session claims the entry, and tells the join. When
// no session is left anywhere for a while, the entry is deleted with the event of the leave, in one batch.

import { LogError, openLedger } from '@tidemark/log'
import type { Clock, EventLog, Ledger, LedgerChange, Topic } from '@tidemark/log'
import { Slots } from '../catch-up/slots.ts'
import { makeSessionId } from '../random.ts'
import type { Random } from '../random.ts'
import { Deadlines } from '../session/deadlines.ts'
import { announcedUsers, joinEvent, keyOf, leaveEvent } from './announced-user.ts'
import type { AnnouncedUser } from './announced-user.ts'
import {
  joinFreshMs,
  joinsAtOnceMax,
  leaveAfterMs,
  leaveLateMs,
  leaveLaterMs,
  tellAgainMs,
} from './limits.ts'
import { nodeOf } from './present-session.ts'
import type { PresentSession } from './present-session.ts'

/** The parts of presence that it needs. */
export interface JoinsHost {
  readonly log: EventLog
  readonly clock: Clock
  readonly random: Random
  readonly node: string
  readonly onError: (error: unknown) => void
  /** Whether the sessions of all nodes are known. */
  readonly isWhole: () => boolean
  /** Whether it is this node's turn to tell of leaves: of one node at a time. */
  readonly isFirst: () => boolean
  /** Whether a user has a session in a topic, on any node. */
  readonly has: (topic: Topic, user: string) => boolean
  /** A session of the user in the topic that is on this node. */
  readonly findOwn: (topic: Topic, user: string) => PresentSession | undefined
  readonly tellsJoins: (topic: Topic) => boolean
}

/** A user in a topic. */
interface Place {
  readonly topic: Topic
  readonly user: string
}

export class Joins {
  readonly #host: JoinsHost
  readonly #ledger: Ledger<AnnouncedUser>
  /** By key, as the ledger has them. */
  readonly #announced = new Map<string, AnnouncedUser>()
  /** Those that wait until their leave is told, by key. */
  readonly #leaving = new Map<string, Deadlines<string>>()
  readonly #firstTurn: Deadlines<string>
  readonly #laterTurn: Deadlines<string>
  /** Those whose entry could not be claimed. */
  readonly #untold: Deadlines<Place>
  /** Keys of which something is being written. */
  readonly #busy = new Set<string>()
  readonly #slots = new Slots(joinsAtOnceMax)
  /** An error was told, and nothing was written since. */
  #isFailing = false
  #isClosed = false

  private constructor(ledger: Ledger<AnnouncedUser>, host: JoinsHost) {
    const { clock } = host
    this.#host = host
    this.#ledger = ledger
    const waits = { clock, lateMsMax: leaveLateMs, onDue: (key: string) => this.#leaveDue(key) }
    this.#firstTurn = new Deadlines({ ...waits, delayMs: leaveAfterMs + leaveLateMs })
    this.#laterTurn = new Deadlines({ ...waits, delayMs: leaveLaterMs })
    this.#untold = new Deadlines({
      clock,
      delayMs: tellAgainMs,
      lateMsMax: tellAgainMs,
      onDue: ({ topic, user }) => this.look(topic, user),
    })
    ledger.onChange((change) => this.#hear(change))
    for (const { key, value } of ledger.entries()) this.#put(key, value)
  }

  /** Rejects with the log's error. */
  static async open(host: JoinsHost): Promise<Joins> {
    const { log, clock, onError } = host
    const ledger = await openLedger(log, 'presence', { codec: announcedUsers, clock, onError })
    return new Joins(ledger, host)
  }

  /** Others know of a user in a topic now, or fewer sessions than before. */
  look(topic: Topic, user: string): void {
    if (this.#isClosed) return
    const key = keyOf(topic, user)
    const announced = this.#announced.get(key)
    const isThere = this.#host.has(topic, user)
    if (announced === undefined) {
      if (isThere) this.#join(key, { topic, user })
    } else if (!isThere || !this.#host.tellsJoins(topic)) this.#leaveLater(key, this.#firstTurn)
    else this.#stay(key)
  }

  /** The rules are others. */
  lookAtAll(): void {
    for (const { topic, user } of [...this.#announced.values()]) this.look(topic, user)
  }

  /** A node has died. It may have announced a join whose event it did not write any more. */
  lostNode(node: string): void {
    if (!this.#host.isFirst()) return
    for (const [key, user] of this.#announced)
      if (nodeOf(user.id) === node) this.#write(key, user, () => this.#completeJoin(user))
  }

  close(): void {
    this.#isClosed = true
    for (const waits of [this.#firstTurn, this.#laterTurn, this.#untold]) waits.stop()
    this.#ledger.close()
  }

  #hear({ key, value }: LedgerChange<AnnouncedUser>): void {
    const before = this.#announced.get(key)
    if (value !== undefined) this.#put(key, value)
    else if (before !== undefined) {
      this.#announced.delete(key)
      this.#stay(key)
      // The user may have come back on this node while another one told of the leave.
      this.look(before.topic, before.user)
    }
  }

  #put(key: string, user: AnnouncedUser): void {
    this.#announced.set(key, user)
    this.look(user.topic, user.user)
  }

  #leaveLater(key: string, turn: Deadlines<string>): void {
    if (this.#leaving.has(key)) return
    this.#leaving.set(key, turn)
    turn.add(key)
  }

  #stay(key: string): void {
    this.#leaving.get(key)?.delete(key)
    this.#leaving.delete(key)
  }

  #leaveDue(key: string): void {
    const turn = this.#leaving.get(key)
    this.#leaving.delete(key)
    const user = this.#announced.get(key)
    if (user === undefined || this.#isClosed) return
    const { isWhole, isFirst, tellsJoins, has } = this.#host
    const isSilent = !tellsJoins(user.topic)
    if (has(user.topic, user.user) && !isSilent) return
    if (!isWhole()) this.#leaveLater(key, this.#firstTurn)
    else if (!isFirst() && turn === this.#firstTurn) this.#leaveLater(key, this.#laterTurn)
    else this.#write(key, user, () => this.#leave(key, user))
  }

  async #leave(key: string, user: AnnouncedUser): Promise<void> {
    const { log, has, isWhole, tellsJoins } = this.#host
    // A node that stood still hears first what has happened meanwhile.
    const { head } = await log.bounds()
    await this.#ledger.reached(head)
    if (this.#announced.get(key) !== user) return
    if (!tellsJoins(user.topic)) {
      await this.#ledger.delete(key)
      return
    }
    if (has(user.topic, user.user) || !isWhole()) return
    await this.#completeJoin(user)
    const events = [this.#ledger.deletion(key), leaveEvent(user)]
    const at = await log.append({ events, idempotencyKey: `$hub/presence/leave/${user.id}` })
    const [position] = at
    if (position !== undefined) await this.#ledger.reached(position)
  }

  #join(key: string, { topic, user }: Place): void {
    const { findOwn, tellsJoins } = this.#host
    if (!tellsJoins(topic) || findOwn(topic, user) === undefined) return
    this.#write(key, { topic, user }, async () => {
      const { clock, node, random } = this.#host
      const session = findOwn(topic, user)
      if (session === undefined || !tellsJoins(topic) || this.#announced.has(key)) return
      const id = makeSessionId(node, random)
      const mine = { id, topic, user, at: clock.now(), data: session.data }
      const { value } = await this.#ledger.claim(key, mine)
      // A claim that failed before may have won all the same: then its event was never written.
      if (nodeOf(value.id) === node) await this.#tellJoin(value)
    })
  }

  /** The event of a join whose node may not have come to it. An older one was written, or will be. */
  async #completeJoin(user: AnnouncedUser): Promise<void> {
    const age = this.#host.clock.now() - user.at
    if (Math.abs(age) < joinFreshMs) await this.#tellJoin(user)
  }

  async #tellJoin(user: AnnouncedUser): Promise<void> {
    await this.#host.log.append({
      events: [joinEvent(user)],
      idempotencyKey: `$hub/presence/join/${user.id}`,
    })
  }

  /** One thing at a time of each user in a topic; what has changed meanwhile is looked at behind it. */
  #write(key: string, place: Place, act: () => Promise<void>): void {
    if (this.#busy.has(key)) return
    this.#busy.add(key)
    void this.#writeNow(key, place, act)
  }

  async #writeNow(key: string, place: Place, act: () => Promise<void>): Promise<void> {
    try {
      await this.#slots.run(async () => {
        if (!this.#isClosed) await act()
      })
      this.#busy.delete(key)
      this.#isFailing = false
    } catch (error) {
      this.#busy.delete(key)
      this.#fail(error, place)
      return
    }
    this.look(place.topic, place.user)
  }

  #fail(error: unknown, place: Place): void {
    if (this.#isClosed) return
    if (!this.#isFailing) this.#host.onError(error)
    this.#isFailing = true
    // A full ledger stays so until somebody leaves: nobody is told of these then.
    if (!isFull(error)) this.#untold.add(place)
  }
}

function isFull(error: unknown): boolean {
  return error instanceof LogError && error.code === 'LEDGER_FULL'
}
