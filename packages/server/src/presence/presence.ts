// The users and sessions of topics, over all nodes of a log, where a rule switches that on.
//
// Each node tells the others of those of its sessions that are in such topics. Without rules nothing is told,
// kept or written, and the node does not even say that it is there.

import type { Timer, Topic } from '@tidemark/log'
import type { NodeSettings } from '../node-settings.ts'
import type { SessionFollowers } from '../session/session-followers.ts'
import type { Session } from '../session/session.ts'
import { Joins } from './joins.ts'
import { presenceTopicsMax, tellAgainMs } from './limits.ts'
import { openNodes } from './open-nodes.ts'
import { PresenceIndex } from './presence-index.ts'
import type { UsersPage } from './presence-index.ts'
import type { PresenceRules } from './presence-rules.ts'
import { isSameSession, nodeOf, presentSessions } from './present-session.ts'
import type { PresentSession } from './present-session.ts'
import type { PresentTopics, TopicListener } from './present-topics.ts'
import { readPresence } from './read-presence.ts'
import type { PresenceQuery, TopicPresent } from './read-presence.ts'
import { WholeWait } from './whole-wait.ts'
import type { SessionChange } from './session-change.ts'
import { SharedSessions } from './shared-sessions.ts'

export type PresenceSettings = Pick<
  NodeSettings,
  'clock' | 'log' | 'nodeName' | 'onError' | 'permit' | 'random' | 'watch'
>

/** The parts of a node that it needs. */
export interface PresenceHost {
  readonly rules: { readonly presence: PresenceRules }
  readonly followers: SessionFollowers
  readonly sessions: { list(): readonly Session[] }
}

/** The parts that are there while presence is on. */
interface Kept {
  readonly index: PresenceIndex
  readonly shared: SharedSessions<PresentSession>
  /** Sessions of nodes that tell theirs anew, and that have not been told again yet. */
  readonly stale: Map<string, Set<string>>
  joins: Joins | undefined
  readonly unfollow: () => void
}

export class Presence implements PresentTopics {
  readonly #options: PresenceSettings
  readonly #host: PresenceHost
  #kept: Kept | undefined
  /** One change of the rules after another. */
  #turn: Promise<void> = Promise.resolve()
  /** Whether there was ever a rule: before that nothing has to be taken back. */
  #wasOn = false
  #retry: Timer | undefined
  #isClosed = false
  readonly #topicListeners = new Set<TopicListener>()
  readonly #wholeWait: WholeWait

  constructor(settings: PresenceSettings, host: PresenceHost) {
    this.#options = settings
    this.#host = host
    this.#wholeWait = new WholeWait(settings.clock, () => this.isWhole)
    this.rules.onReplaced = () => this.#followRules()
    this.#followRules()
  }

  get rules(): PresenceRules {
    return this.#host.rules.presence
  }

  /** Tells who is in a topic. Errors: see {@link Tidemark.presence}. */
  async read(topic: string, query: PresenceQuery): Promise<TopicPresent> {
    try {
      return await readPresence(this.#options, this, { topic, query })
    } catch (error) {
      this.#options.watch.refused('read', error)
      throw error
    }
  }

  /** Whether the sessions of all nodes are known. */
  get isWhole(): boolean {
    return this.#kept?.shared.isWhole === true
  }

  untilWhole(): Promise<void> {
    return this.#wholeWait.wait()
  }

  /** Those who are in a topic, as far as this node knows; undefined while it knows nobody. */
  page(topic: Topic, after: string | undefined, limit: number): UsersPage | undefined {
    return this.#kept?.index.page(topic, after, limit)
  }

  onTopic(listener: TopicListener): () => void {
    this.#topicListeners.add(listener)
    return () => void this.#topicListeners.delete(listener)
  }

  topics(): Iterable<Topic> {
    return this.#kept?.index.topics() ?? []
  }

  count(topic: Topic): number | undefined {
    if (this.rules.find(topic) === 'off') return 0
    if (this.#kept === undefined) return undefined
    const count = this.#kept.index.count(topic)
    return count === 0 && !this.isWhole ? undefined : count
  }

  /** Says that this node is gone. Sessions must have been ended before. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#retry?.cancel()
    // A log that hangs must not keep a process from ending, so nobody waits for what is under way.
    await this.#end()
  }

  #followRules(): void {
    const { onError } = this.#options
    this.#retry?.cancel()
    if (this.rules.isEmpty && !this.#wasOn) return
    this.#wasOn = true
    this.#turn = this.#turn
      .then(() => this.#adapt())
      .catch((error: unknown) => {
        onError(error)
        if (this.#isClosed) return
        this.#retry = this.#options.clock.after(tellAgainMs, () => this.#followRules())
      })
  }

  async #adapt(): Promise<void> {
    if (this.#isClosed) return
    const { rules } = this
    if (rules.isEmpty) {
      await this.#end()
      return this.#tellTopic(undefined, false)
    }
    const kept = this.#kept ?? (await this.#begin())
    if (kept === undefined) return
    for (const session of this.#host.sessions.list()) this.#update(kept, session)
    if (rules.hasJoins && kept.joins === undefined) {
      const joins = await this.#openJoins(kept)
      if (this.#isClosed) joins.close()
      else kept.joins = joins
    }
    kept.joins?.lookAtAll()
    for (const { topics, user } of kept.index.listNode(this.#options.nodeName))
      for (const topic of topics) if (user !== undefined) kept.joins?.look(topic, user)
    this.#tellTopic(undefined, false)
  }

  /** Undefined: it was closed meanwhile. */
  async #begin(): Promise<Kept | undefined> {
    const { log, clock, nodeName: node, onError } = this.#options
    const held = await openNodes(log, { clock, node, onError })
    if (this.#isClosed) {
      held.release()
      return undefined
    }
    const index = new PresenceIndex(
      (topic, user) => this.#kept?.joins?.look(topic, user),
      (topic, id) => this.#tellTopic(topic, nodeOf(id) === node),
    )
    const stale = new Map<string, Set<string>>()
    const shared = new SharedSessions(held, {
      clock,
      kind: 'present',
      isFast: true,
      codec: presentSessions,
      list: () => index.listNode(node),
      heardOther: (other, change) => hear({ index, stale }, other, change),
      lostNode: (other) => {
        stale.delete(other)
        index.dropNode(other)
        this.#kept?.joins?.lostNode(other)
      },
      onError,
    })
    const unfollow = this.#host.followers.add({
      opened: (session) => this.#update(kept, session),
      moved: (session) => this.#update(kept, session),
      renewed: (session) => this.#update(kept, session),
      closed: ({ id }) => remove(kept, id),
    })
    const kept: Kept = { index, shared, stale, joins: undefined, unfollow }
    this.#kept = kept
    shared.begin()
    return kept
  }

  #openJoins({ index, shared }: Kept): Promise<Joins> {
    const { nodeName: node } = this.#options
    const { rules } = this
    return Joins.open({
      ...this.#options,
      node,
      isWhole: () => shared.isWhole,
      isFirst: () => shared.nodes.tellersOf('present').every((other) => node < other),
      has: (topic, user) => index.has(topic, user),
      findOwn: (topic, user) => index.findOn(node, topic, user),
      tellsJoins: (topic) => rules.find(topic) === 'joins',
    })
  }

  #update(kept: Kept, session: Session): void {
    const { index, shared } = kept
    const known = index.get(session.id)
    const present = this.#describe(session)
    if (present === undefined) remove(kept, session.id)
    else if (known === undefined) {
      index.put(present)
      shared.opened(present)
    } else if (!isSameSession(known, present)) {
      index.put(present)
      shared.changed(present)
    }
  }

  /** Undefined where it is in no topic that matters here. */
  #describe({ id, owner, audience, isClosed }: Session): PresentSession | undefined {
    const { rules } = this
    const { topics: exact } = audience.topics
    const topics = exact.filter((topic) => rules.find(topic) !== 'off').slice(0, presenceTopicsMax)
    if (topics.length === 0 || isClosed) return undefined
    return { id, user: owner.user, topics, data: owner.presence }
  }

  #tellTopic(topic: Topic | undefined, isOwn: boolean): void {
    for (const listener of this.#topicListeners) listener(topic, isOwn)
  }

  async #end(): Promise<void> {
    const kept = this.#kept
    if (kept === undefined) return
    this.#kept = undefined
    kept.unfollow()
    kept.joins?.close()
    await kept.shared.close()
  }
}

function remove({ index, shared }: Kept, id: string): void {
  if (index.get(id) === undefined) return
  index.drop(id)
  shared.closed(id)
}

/** A list that is told anew replaces the one before when all of it is there: until then both hold. */
function hear(
  { index, stale }: Pick<Kept, 'index' | 'stale'>,
  node: string,
  { isAnew, hasMore, opened, closed }: SessionChange<PresentSession>,
): void {
  if (isAnew) stale.set(node, new Set(index.idsOf(node)))
  const old = stale.get(node)
  for (const session of opened) {
    old?.delete(session.id)
    index.put(session)
  }
  for (const id of closed) index.drop(id)
  if (hasMore || old === undefined) return
  stale.delete(node)
  for (const id of old) index.drop(id)
}
