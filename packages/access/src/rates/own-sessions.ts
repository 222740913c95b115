// The open sessions of this node and their users.

/** In the order in which they opened. */
export class OwnSessions {
  readonly #userOf = new Map<string, string>()
  readonly #byUser = new Map<string, Set<string>>()

  add(id: string, user: string): void {
    this.#userOf.set(id, user)
    const ids = this.#byUser.get(user)
    if (ids === undefined) this.#byUser.set(user, new Set([id]))
    else ids.add(id)
  }

  /** Gives the user; undefined where the session has no user, or has closed. */
  drop(id: string): string | undefined {
    const user = this.#userOf.get(id)
    if (user === undefined) return undefined
    this.#userOf.delete(id)
    const ids = this.#byUser.get(user)
    ids?.delete(id)
    if (ids?.size === 0) this.#byUser.delete(user)
    return user
  }

  has(id: string): boolean {
    return this.#userOf.has(id)
  }

  /** Ids, the oldest first. */
  of(user: string): ReadonlySet<string> {
    return this.#byUser.get(user) ?? none
  }

  entries(): readonly (readonly [id: string, user: string])[] {
    return [...this.#userOf]
  }
}

const none: ReadonlySet<string> = new Set()
