// Lines of those that wait, one for each address: a flood of one waits for itself, and not the others for it.

/** Of all that wait each address has its turn, and of one address the oldest. */
export class AddressLines {
  readonly #lines = new Map<string, Set<() => void>>()

  get isEmpty(): boolean {
    return this.#lines.size === 0
  }

  /** Resolves when its turn has come. `key` stands for an address, as `countingKey` gives it. */
  wait(key: string): Promise<void> {
    return new Promise((resolve) => {
      const line = this.#lines.get(key)
      if (line === undefined) this.#lines.set(key, new Set([resolve]))
      else line.add(resolve)
    })
  }

  /** Lets the next go on, whose address stands behind all others then. False where nobody waits. */
  passNext(): boolean {
    const [next] = this.#lines
    if (next === undefined) return false
    const [key, line] = next
    this.#lines.delete(key)
    const [begin] = line
    if (begin !== undefined) line.delete(begin)
    if (line.size > 0) this.#lines.set(key, line)
    begin?.()
    return true
  }
}
