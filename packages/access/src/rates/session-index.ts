// The sessions of each user in the order of the log, and the nodes that are there.

/** Kept by the changes of a ledger. Keys are `open <session id>`. */
export class SessionIndex {
  readonly #userOf = new Map<string, string>()
  readonly #byUser = new Map<string, Set<string>>()
  readonly #nodes = new Set<string>()

  /** The first of all nodes by name; undefined where there is none. */
  get firstNode(): string | undefined {
    return [...this.#nodes].toSorted()[0]
  }

  addNode(name: string): void {
    this.#nodes.add(name)
  }

  dropNode(name: string): void {
    this.#nodes.delete(name)
  }

  add(key: string, user: string): void {
    this.#userOf.set(key, user)
    const keys = this.#byUser.get(user)
    if (keys === undefined) this.#byUser.set(user, new Set([key]))
    else keys.add(key)
  }

  /** Forgets a session; gives its user, undefined where it knew none. */
  drop(key: string): string | undefined {
    const user = this.#userOf.get(key)
    if (user === undefined) return undefined
    this.#userOf.delete(key)
    const keys = this.#byUser.get(user)
    keys?.delete(key)
    if (keys?.size === 0) this.#byUser.delete(user)
    return user
  }

  /** The ids of a user's sessions on nodes that are there, the oldest first. */
  listLive(user: string): readonly string[] {
    const ids = [...(this.#byUser.get(user) ?? [])].map((key) => key.slice(5))
    return ids.filter((id) => this.#nodes.has(id.slice(0, id.indexOf('.'))))
  }

  /** Keys of sessions whose node is not there. */
  listOrphans(): readonly string[] {
    return [...this.#userOf.keys()].filter((key) => {
      const name = key.slice(5, key.indexOf('.'))
      return !this.#nodes.has(name)
    })
  }
}
