// The open sessions of a node, found by their id, their user, their label and their group.

import type { Session } from './session.ts'

/** A filter of sessions. All that is given must be true of a session. */
export interface SessionFilter {
  readonly user?: string
  readonly label?: string
  readonly group?: string
}

/** Whether all that a filter says is true of a session. */
export function matches({ owner }: Session, { user, label, group }: SessionFilter): boolean {
  if ((user ?? owner.user) !== owner.user || (label ?? owner.label) !== owner.label) return false
  return (group ?? owner.group) === owner.group
}

/**
 * Filed when they open, taken out when they close, however they do. A session without user and label takes no
 * memory in the indexes of names.
 */
export class SessionRegistry {
  readonly #byId = new Map<string, Session>()
  readonly #byUser = new Map<string, Set<Session>>()
  readonly #byLabel = new Map<string, Set<Session>>()

  get size(): number {
    return this.#byId.size
  }

  add(session: Session): void {
    this.#byId.set(session.id, session)
    file(this.#byUser, session.owner.user, session)
    file(this.#byLabel, session.owner.label, session)
  }

  delete(session: Session): void {
    if (!this.#byId.delete(session.id)) return
    unfile(this.#byUser, session.owner.user, session)
    unfile(this.#byLabel, session.owner.label, session)
  }

  get(id: string): Session | undefined {
    return this.#byId.get(id)
  }

  /**
   * The sessions that a filter says, or all: the longest open first. A list of its own, so that they may
   * close meanwhile.
   */
  list(filter: SessionFilter = {}): readonly Session[] {
    const { user, label } = filter
    const ofUser = user === undefined ? undefined : (this.#byUser.get(user) ?? [])
    const ofLabel = label === undefined ? undefined : (this.#byLabel.get(label) ?? [])
    const sessions = [...(ofUser ?? ofLabel ?? this.#byId.values())]
    return sessions.filter((session) => matches(session, filter))
  }

  /** The first so many, the longest open first. */
  first(count: number): readonly Session[] {
    const sessions: Session[] = []
    for (const session of this.#byId.values()) {
      if (sessions.length >= count) break
      sessions.push(session)
    }
    return sessions
  }
}

function file(index: Map<string, Set<Session>>, name: string | undefined, session: Session): void {
  if (name === undefined) return
  const sessions = index.get(name)
  if (sessions === undefined) index.set(name, new Set([session]))
  else sessions.add(session)
}

function unfile(
  index: Map<string, Set<Session>>,
  name: string | undefined,
  session: Session,
): void {
  if (name === undefined) return
  const sessions = index.get(name)
  sessions?.delete(session)
  if (sessions?.size === 0) index.delete(name)
}
