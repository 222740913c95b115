// Who is in which topic, by what all nodes have told.

import type { Topic } from '@tidemark/log'
import { nodeOf } from './present-session.ts'
import type { PresenceData, PresentSession } from './present-session.ts'

/** A user in a topic. */
export interface PresentUser {
  readonly user: string
  /** Open sessions of the user that follow the topic, on all nodes. */
  readonly sessions: number
  /** The facts of the user's newest session that has any. */
  readonly data?: PresenceData
}

/** A part of those who are in a topic. */
export interface UsersPage {
  /** All sessions, those of nobody in particular too. */
  readonly sessions: number
  /** In the order of their names. */
  readonly users: readonly PresentUser[]
  /** Whether users follow behind them. */
  readonly hasMore: boolean
}

interface TopicEntry {
  sessions: number
  /** In the order in which they came. */
  readonly users: Map<string, Set<PresentSession>>
}

export class PresenceIndex {
  readonly #sessions = new Map<string, PresentSession>()
  readonly #byNode = new Map<string, Set<string>>()
  readonly #byTopic = new Map<Topic, TopicEntry>()
  readonly #onChange: (topic: Topic, user: string) => void

  /** @param onChange told when the sessions of a user in a topic are others */
  constructor(onChange: (topic: Topic, user: string) => void) {
    this.#onChange = onChange
  }

  get(id: string): PresentSession | undefined {
    return this.#sessions.get(id)
  }

  /** The sessions of a node, the oldest first. */
  *listNode(node: string): Iterable<PresentSession> {
    for (const id of this.#byNode.get(node) ?? []) {
      const session = this.#sessions.get(id)
      if (session !== undefined) yield session
    }
  }

  /** Adds a session, or replaces one that is another way now. */
  put(session: PresentSession): void {
    const { id, topics } = session
    const before = this.#sessions.get(id)
    this.#sessions.set(id, session)
    if (before === undefined) {
      const node = nodeOf(id)
      const ofNode = this.#byNode.get(node)
      if (ofNode === undefined) this.#byNode.set(node, new Set([id]))
      else ofNode.add(id)
    }
    for (const topic of before?.topics ?? []) this.#leave(topic, before)
    for (const topic of topics) this.#enter(topic, session)
    this.#tell(before, session)
  }

  drop(id: string): void {
    const session = this.#sessions.get(id)
    if (session === undefined) return
    this.#sessions.delete(id)
    const ofNode = this.#byNode.get(nodeOf(id))
    ofNode?.delete(id)
    if (ofNode?.size === 0) this.#byNode.delete(nodeOf(id))
    for (const topic of session.topics) this.#leave(topic, session)
    this.#tell(session)
  }

  dropNode(node: string): void {
    for (const id of [...(this.#byNode.get(node) ?? [])]) this.drop(id)
  }

  /** Ids of all sessions of a node. */
  idsOf(node: string): readonly string[] {
    return [...(this.#byNode.get(node) ?? [])]
  }

  /** Whether a user has a session in a topic. */
  has(topic: Topic, user: string): boolean {
    return this.#byTopic.get(topic)?.users.has(user) === true
  }

  /** The newest session of a user in a topic that is on a node. */
  findOn(node: string, topic: Topic, user: string): PresentSession | undefined {
    const sessions = [...(this.#byTopic.get(topic)?.users.get(user) ?? [])]
    return sessions.findLast(({ id }) => nodeOf(id) === node)
  }

  /** The users behind `after`, `limit` of them at most. */
  page(topic: Topic, after: string | undefined, limit: number): UsersPage {
    const entry = this.#byTopic.get(topic)
    if (entry === undefined) return { sessions: 0, users: [], hasMore: false }
    const names = [...entry.users.keys()]
      .filter((user) => after === undefined || user > after)
      .toSorted((one, other) => (one < other ? -1 : 1))
    const users = names.slice(0, limit).map((user) => {
      const sessions = [...(entry.users.get(user) ?? [])]
      const data = sessions.findLast((session) => session.data !== undefined)?.data
      return { user, sessions: sessions.length, ...(data === undefined ? {} : { data }) }
    })
    return { sessions: entry.sessions, users, hasMore: names.length > limit }
  }

  #enter(topic: Topic, session: PresentSession): void {
    let entry = this.#byTopic.get(topic)
    if (entry === undefined) {
      entry = { sessions: 0, users: new Map() }
      this.#byTopic.set(topic, entry)
    }
    entry.sessions += 1
    if (session.user === undefined) return
    const ofUser = entry.users.get(session.user)
    if (ofUser === undefined) entry.users.set(session.user, new Set([session]))
    else ofUser.add(session)
  }

  #leave(topic: Topic, session: PresentSession | undefined): void {
    const entry = this.#byTopic.get(topic)
    if (entry === undefined || session === undefined) return
    entry.sessions -= 1
    if (entry.sessions === 0) this.#byTopic.delete(topic)
    if (session.user === undefined) return
    const ofUser = entry.users.get(session.user)
    ofUser?.delete(session)
    if (ofUser?.size === 0) entry.users.delete(session.user)
  }

  #tell(...states: readonly (PresentSession | undefined)[]): void {
    const [first, second] = states
    for (const topic of first?.topics ?? [])
      if (first?.user !== undefined) this.#onChange(topic, first.user)
    const known = new Set(first?.user === second?.user ? first?.topics : [])
    for (const topic of second?.topics ?? [])
      if (second?.user !== undefined && !known.has(topic)) this.#onChange(topic, second.user)
  }
}
