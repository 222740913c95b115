// The users and sessions of each topic, by what all nodes have told.

import type { Topic } from '@tidemark/log'
import { changedNamesMax } from './limits.ts'
import { nodeOf } from './present-session.ts'
import type { PresenceData, PresentSession } from './present-session.ts'
import { SortedNames } from './sorted-names.ts'

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

/** The sessions of a user in a topic, in the order in which they came. Most have one, which takes no set. */
type Held = PresentSession | Set<PresentSession>

/** A topic with more than one session, or one that had them. */
interface TopicEntry {
  sessions: number
  readonly users: Map<string, Held>
  /** Where there are many, and somebody has asked. */
  names?: SortedNames
}

export class PresenceIndex {
  readonly #sessions = new Map<string, PresentSession>()
  readonly #byNode = new Map<string, Set<string>>()
  /** A topic with one session is that session: many topics have no more. */
  readonly #byTopic = new Map<Topic, PresentSession | TopicEntry>()
  readonly #onChange: (topic: Topic, user: string) => void
  readonly #onSession: ((topic: Topic, id: string) => void) | undefined

  /**
   * @param onChange told when the sessions of a user in a topic are others
   * @param onSession told when a session has come to a topic or left it, or is another way now
   */
  constructor(
    onChange: (topic: Topic, user: string) => void,
    onSession?: (topic: Topic, id: string) => void,
  ) {
    this.#onChange = onChange
    this.#onSession = onSession
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

  /** The topics that have sessions. */
  topics(): Iterable<Topic> {
    return this.#byTopic.keys()
  }

  /** The sessions in a topic. */
  count(topic: Topic): number {
    const found = this.#byTopic.get(topic)
    if (found === undefined) return 0
    return 'users' in found ? found.sessions : 1
  }

  /** Whether a user has a session in a topic. */
  has(topic: Topic, user: string): boolean {
    return this.#listUser(topic, user).length > 0
  }

  /** The newest session of a user in a topic that is on a node. */
  findOn(node: string, topic: Topic, user: string): PresentSession | undefined {
    return this.#listUser(topic, user).findLast(({ id }) => nodeOf(id) === node)
  }

  /** The users behind `after`, `limit` of them at most. */
  page(topic: Topic, after: string | undefined, limit: number): UsersPage {
    const found = this.#byTopic.get(topic)
    if (found === undefined) return { sessions: 0, users: [], hasMore: false }
    const entry = toEntry(found)
    const [names, hasMore] = sortNames(entry).page(after, limit)
    const users = names.map((user) => {
      const sessions = list(entry.users.get(user))
      const data = sessions.findLast((session) => session.data !== undefined)?.data
      return { user, sessions: sessions.length, ...(data === undefined ? {} : { data }) }
    })
    return { sessions: entry.sessions, users, hasMore }
  }

  #listUser(topic: Topic, user: string): readonly PresentSession[] {
    const found = this.#byTopic.get(topic)
    if (found === undefined) return []
    if (!('users' in found)) return found.user === user ? [found] : []
    return list(found.users.get(user))
  }

  #enter(topic: Topic, session: PresentSession): void {
    const found = this.#byTopic.get(topic)
    if (found === undefined) {
      this.#byTopic.set(topic, session)
      return
    }
    const entry = toEntry(found)
    if (entry !== found) this.#byTopic.set(topic, entry)
    addTo(entry, session)
  }

  #leave(topic: Topic, session: PresentSession | undefined): void {
    const found = this.#byTopic.get(topic)
    if (found === undefined || session === undefined) return
    if (!('users' in found) || found.sessions === 1) this.#byTopic.delete(topic)
    else removeFrom(found, session)
  }

  #tell(...states: readonly (PresentSession | undefined)[]): void {
    const [first, second] = states
    for (const state of this.#onSession === undefined ? [] : states)
      for (const topic of state?.topics ?? []) this.#onSession?.(topic, state?.id ?? '')
    for (const topic of first?.topics ?? [])
      if (first?.user !== undefined) this.#onChange(topic, first.user)
    const known = new Set(first?.user === second?.user ? first?.topics : [])
    for (const topic of second?.topics ?? [])
      if (second?.user !== undefined && !known.has(topic)) this.#onChange(topic, second.user)
  }
}

function toEntry(found: PresentSession | TopicEntry): TopicEntry {
  if ('users' in found) return found
  const entry: TopicEntry = { sessions: 0, users: new Map() }
  addTo(entry, found)
  return entry
}

/** Few names are sorted for each page. */
function sortNames(entry: TopicEntry): SortedNames {
  if (entry.names !== undefined) return entry.names
  const names = new SortedNames(() => entry.users.keys())
  if (entry.users.size > changedNamesMax) entry.names = names
  return names
}

function addTo(entry: TopicEntry, session: PresentSession): void {
  entry.sessions += 1
  const { user } = session
  if (user === undefined) return
  const held = entry.users.get(user)
  if (held === undefined) {
    entry.users.set(user, session)
    entry.names?.changed(user, true)
  } else if (held instanceof Set) held.add(session)
  else entry.users.set(user, new Set([held, session]))
}

function removeFrom(entry: TopicEntry, session: PresentSession): void {
  entry.sessions -= 1
  const { user } = session
  if (user === undefined) return
  const held = entry.users.get(user)
  if (held instanceof Set) held.delete(session)
  if (list(held).every((one) => one === session)) {
    entry.users.delete(user)
    entry.names?.changed(user, false)
  }
}

function list(held: Held | undefined): readonly PresentSession[] {
  if (held === undefined) return []
  return held instanceof Set ? [...held] : [held]
}
