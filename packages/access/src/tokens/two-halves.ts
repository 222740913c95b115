// The newest entries of a map, within a bound.

/**
 * Entries are kept in two halves. When the newer one is full, the older one is forgotten, and it takes the
 * place of that. An entry that is found in the older half moves into the newer one. Mostly, finding
 * writes nothing, where a list in order of use would write each time.
 */
export class TwoHalves<Value> {
  readonly #weightMax: number
  readonly #weigh: (key: string) => number
  #newer = new Map<string, Value>()
  #older: ReadonlyMap<string, Value> = new Map()
  /** Of the newer half. */
  #weight = 0

  /** @param weigh must give the same for the same key */
  constructor(weightMax: number, weigh: (key: string) => number) {
    this.#weightMax = weightMax
    this.#weigh = weigh
  }

  get(key: string): Value | undefined {
    const value = this.#newer.get(key)
    if (value !== undefined) return value
    const old = this.#older.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, value: Value): void {
    if (!this.#newer.has(key)) {
      const weight = this.#weigh(key)
      this.#weight += weight
      if (this.#weight > this.#weightMax / 2) {
        this.#older = this.#newer
        this.#newer = new Map()
        this.#weight = weight
      }
    }
    this.#newer.set(key, value)
  }
}
