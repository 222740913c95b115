// How many sessions topics have on all nodes together, where a rule bounds them.
//
// Each node tells the others its counts of such topics through the ledger of nodes, many in one record.
// Two nodes may let in the last one in the same moment. Then the order of the log decides: the node whose
// record makes it too many ends its newest ones. Without rules nothing is told, kept or written.

import type { Timer, Topic } from '@tidemark/log'
import type { NodeSettings } from '../node-settings.ts'
import { tellAgainMs, tellPauseMs } from '../presence/limits.ts'
import { openNodes } from '../presence/open-nodes.ts'
import { SharedSessions } from '../presence/shared-sessions.ts'
import { subscribersWholeMs, toldTopicsMax } from '../limits.ts'
import type { SessionFollowers } from '../session/session-followers.ts'
import type { Session } from '../session/session.ts'
import type { SubscriberRules } from './subscriber-rules.ts'
import { ToldCounts } from './told-counts.ts'
import type { Growth } from './told-counts.ts'
import { topicCounts } from './topic-count.ts'
import type { TopicCount } from './topic-count.ts'

type Settings = Pick<NodeSettings, 'clock' | 'log' | 'nodeName' | 'onError'>

/** The parts of a node that it needs. */
export interface SubscriberCountsHost {
  readonly rules: SubscriberRules
  readonly followers: SessionFollowers
  /** The oldest first. */
  readonly listSessions: () => readonly Session[]
  /** A topic has too many sessions: this one comes back later. */
  readonly dismiss: (session: Session) => void
}

/** The parts that are there while a rule bounds a topic. */
interface Kept {
  readonly shared: SharedSessions<TopicCount>
  readonly told: ToldCounts
  /** Of this node's sessions, those topics that have a rule. */
  readonly topicsOf: Map<string, readonly Topic[]>
  /** Sessions of this node. */
  readonly own: Map<Topic, number>
  readonly unfollow: () => void
}

export class SubscriberCounts {
  readonly #settings: Settings
  readonly #host: SubscriberCountsHost
  #kept: Kept | undefined
  /** One change of the rules after another. */
  #turn: Promise<void> = Promise.resolve()
  #wasOn = false
  #retry: Timer | undefined
  #isClosed = false

  constructor(settings: Settings, host: SubscriberCountsHost) {
    this.#settings = settings
    this.#host = host
    host.rules.onReplaced = () => this.#followRules()
    this.#followRules()
  }

  /** Sessions of other nodes that follow a topic by its name, as far as this node knows. */
  countOthers(topic: Topic): number {
    return this.#kept?.told.countOthers(topic, this.#settings.nodeName) ?? 0
  }

  /** Waits for a moment where topics are bounded and nodes that are there have not told theirs yet. */
  async ready(topics: readonly Topic[]): Promise<void> {
    const { clock } = this.#settings
    const { rules } = this.#host
    if (rules.isEmpty || !topics.some((topic) => rules.isBounded(topic))) return
    if (this.#kept === undefined) await this.#turn
    const until = clock.elapsed() + subscribersWholeMs
    while (this.#kept?.shared.isWhole !== true && clock.elapsed() < until && !this.#isClosed)
      await new Promise<void>((resolve) => {
        clock.after(tellPauseMs, resolve, { isAwaited: true })
      })
  }

  /** Says that this node is gone. Sessions must have been ended before. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#retry?.cancel()
    await this.#end()
  }

  #followRules(): void {
    const { clock, onError } = this.#settings
    this.#retry?.cancel()
    if (this.#host.rules.isEmpty && !this.#wasOn) return
    this.#wasOn = true
    this.#turn = this.#turn
      .then(() => this.#adapt())
      .catch((error: unknown) => {
        onError(error)
        if (!this.#isClosed) this.#retry = clock.after(tellAgainMs, () => this.#followRules())
      })
  }

  async #adapt(): Promise<void> {
    if (this.#isClosed) return
    if (this.#host.rules.isEmpty) {
      await this.#end()
      return
    }
    const kept = this.#kept ?? (await this.#begin())
    if (kept !== undefined)
      for (const session of this.#host.listSessions()) this.#update(kept, session)
  }

  /** Undefined: it was closed meanwhile. */
  async #begin(): Promise<Kept | undefined> {
    const { log, clock, nodeName: node, onError } = this.#settings
    const held = await openNodes(log, { clock, node, onError })
    if (this.#isClosed) {
      held.release()
      return undefined
    }
    const told = new ToldCounts()
    const own = new Map<Topic, number>()
    const shared = new SharedSessions(held, {
      clock,
      kind: 'subscribers',
      isFast: true,
      codec: topicCounts,
      list: () => [...own].slice(0, toldTopicsMax).map(([topic, count]) => ({ id: topic, count })),
      heardOwn: (change) => {
        for (const growth of told.take(node, change)) this.#enforce(growth)
      },
      heardOther: (other, change) => void told.take(other, change),
      lostNode: (other) => told.drop(other),
      onError,
    })
    const unfollow = this.#host.followers.add({
      opened: (session) => this.#update(kept, session),
      moved: (session) => this.#update(kept, session),
      closed: ({ id }) => this.#recount(kept, id, []),
    })
    const kept: Kept = { shared, told, own, topicsOf: new Map(), unfollow }
    this.#kept = kept
    shared.begin()
    return kept
  }

  #update(kept: Kept, { id, audience, isClosed }: Session): void {
    const { rules } = this.#host
    const { topics } = audience.topics
    this.#recount(kept, id, isClosed ? [] : topics.filter((topic) => rules.isBounded(topic)))
  }

  /** The session follows these now. */
  #recount({ shared, own, topicsOf }: Kept, id: string, topics: readonly Topic[]): void {
    const before = topicsOf.get(id) ?? []
    if (topics.length > 0) topicsOf.set(id, topics)
    else topicsOf.delete(id)
    const add = (topic: Topic, difference: number): void => {
      const count = (own.get(topic) ?? 0) + difference
      if (count > 0) own.set(topic, count)
      else own.delete(topic)
      if (own.size <= toldTopicsMax) shared.changed({ id: topic, count })
    }
    const now = new Set(topics)
    for (const topic of before) if (!now.delete(topic)) add(topic, -1)
    for (const topic of now) add(topic, 1)
  }

  /** The log has the growth of this node: all agree on the order. */
  #enforce({ topic, count, more }: Growth): void {
    const { rules, listSessions, dismiss } = this.#host
    const beyond = count + this.countOthers(topic) - rules.maxOf(topic)
    const gone = count - (this.#kept?.own.get(topic) ?? 0)
    let surplus = Math.min(more, beyond) - Math.max(0, gone)
    if (surplus <= 0) return
    for (const session of listSessions().toReversed()) {
      if (!session.audience.topics.topics.includes(topic)) continue
      dismiss(session)
      surplus -= 1
      if (surplus === 0) return
    }
  }

  async #end(): Promise<void> {
    const kept = this.#kept
    if (kept === undefined) return
    this.#kept = undefined
    kept.unfollow()
    await kept.shared.close()
  }
}
