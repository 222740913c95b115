// The sessions of each user in the order in which they opened.

/** A session in the order of all. */
export interface PlacedSession {
  readonly id: string
  readonly user: string
  /** Milliseconds since 1970. */
  readonly openedAt: number
}

/** Kept by what the nodes tell. Session ids begin with the name of their node. */
export class SessionIndex {
  readonly #sessions = new Map<string, PlacedSession>()
  /** In the same order on every node. */
  readonly #byUser = new Map<string, PlacedSession[]>()
  readonly #byNode = new Map<string, Set<string>>()

  /** Forgets the sessions of a node; gives their users. */
  dropSessionsOf(name: string): readonly string[] {
    const ids = [...(this.#byNode.get(name) ?? [])]
    return ids.flatMap((id) => this.drop(id) ?? [])
  }

  get(id: string): PlacedSession | undefined {
    return this.#sessions.get(id)
  }

  /** Adds a session, or gives one that is known another place. */
  put(session: PlacedSession): void {
    const { id, user, openedAt } = session
    if (this.#sessions.get(id)?.openedAt === openedAt) return
    this.drop(id)
    this.#sessions.set(id, session)
    const others = this.#byUser.get(user)
    if (others === undefined) this.#byUser.set(user, [session])
    else insert(others, session)
    const ofNode = this.#byNode.get(nodeOf(id))
    if (ofNode === undefined) this.#byNode.set(nodeOf(id), new Set([id]))
    else ofNode.add(id)
  }

  /** Forgets a session; gives its user, undefined where it knew none. */
  drop(id: string): string | undefined {
    const session = this.#sessions.get(id)
    if (session === undefined) return undefined
    this.#sessions.delete(id)
    remove(this.#byUser, session.user, (sessions) => {
      sessions.splice(sessions.indexOf(session), 1)
      return sessions.length
    })
    remove(this.#byNode, nodeOf(id), (ids) => {
      ids.delete(id)
      return ids.size
    })
    return session.user
  }

  /** When the newest session of a user has opened; `-Infinity` for none. */
  newestOf(user: string): number {
    return this.#byUser.get(user)?.at(-1)?.openedAt ?? -Infinity
  }

  /** How many sessions a user has. */
  count(user: string): number {
    return this.#byUser.get(user)?.length ?? 0
  }

  /** The ids of a user's sessions, the oldest first. */
  list(user: string): readonly string[] {
    return (this.#byUser.get(user) ?? []).map(({ id }) => id)
  }
}

/** The name of the node that a session is on. */
function nodeOf(sessionId: string): string {
  return sessionId.slice(0, sessionId.indexOf('.'))
}

/** Mostly at the end. Those that a node has opened in one millisecond stay as it told them. */
function insert(sessions: PlacedSession[], session: PlacedSession): void {
  const after = sessions.findLastIndex((other) => compare(other, session) <= 0)
  sessions.splice(after + 1, 0, session)
}

function compare(a: PlacedSession, b: PlacedSession): number {
  if (a.openedAt !== b.openedAt) return a.openedAt - b.openedAt
  const [first, second] = [nodeOf(a.id), nodeOf(b.id)]
  return first === second ? 0 : first < second ? -1 : 1
}

/** Takes something out of a group, and the group out of its map when nothing is left in it. */
function remove<Group>(
  groups: Map<string, Group>,
  key: string,
  takeOut: (group: Group) => number,
): void {
  const group = groups.get(key)
  if (group !== undefined && takeOut(group) === 0) groups.delete(key)
}
