// A table of topic sets in memory, shared by the nodes of a test as the ledger will be by those of a log.

import type { TopicSet } from '@tidemark/log'
import type { TopicSetTable } from '../../src/session/changed-topics.ts'

export class MemoryTopicSetTable implements TopicSetTable {
  readonly #byKey = new Map<string, TopicSet>()
  readonly #keys = new Map<string, string>()

  async keep(set: TopicSet): Promise<string> {
    const known = this.#keys.get(set.key)
    if (known !== undefined) return known
    const key = `set-${this.#keys.size.toString(36)}_`
    this.#keys.set(set.key, key)
    this.#byKey.set(key, set)
    return key
  }

  async find(key: string): Promise<TopicSet | undefined> {
    return this.#byKey.get(key)
  }

  /** At once, for the judge of a test. */
  get(key: string): TopicSet | undefined {
    return this.#byKey.get(key)
  }
}
