// The table of changed topic sets as nodes have it, which tells a judge what each key stands for.

import type { Clock, EventLog, TopicSet } from '@tidemark/log'
import { systemClock } from '@tidemark/log'
import { TopicSetLedger } from '../../src/session/topic-set-ledger.ts'
import { hashKeptSet } from '../../src/session/topic-set-key.ts'
import type { SetOrigin, TopicSetTable } from '../../src/session/topic-set-table.ts'

/** A set that some node has kept. */
export interface WatchedSet {
  readonly topics: TopicSet
  readonly origin: SetOrigin
}

/** By its key, of all nodes of a test. */
export type WatchedSets = Map<string, WatchedSet>

export class WatchedSetLedger extends TopicSetLedger {
  readonly #sets: WatchedSets

  constructor(sets: WatchedSets, host: { readonly log: EventLog; readonly clock?: Clock }) {
    super({
      log: host.log,
      clock: host.clock ?? systemClock,
      onError: (error) => {
        throw error
      },
    })
    this.#sets = sets
  }

  override async keep(topics: TopicSet, origin: SetOrigin): Promise<string> {
    const key = await super.keep(topics, origin)
    this.#sets.set(key, { topics, origin })
    return key
  }
}

/** The same at once and without a log, for what hangs on the very turn in which a session moves. */
export class MemorySets implements TopicSetTable {
  readonly #sets: WatchedSets

  constructor(sets: WatchedSets) {
    this.#sets = sets
  }

  async keep(topics: TopicSet, origin: SetOrigin): Promise<string> {
    const key = hashKeptSet(topics, origin)
    this.#sets.set(key, { topics, origin })
    return key
  }

  async find(key: string): Promise<WatchedSet | undefined> {
    return this.#sets.get(key)
  }

  async refresh(): Promise<void> {}

  close(): void {}
}
