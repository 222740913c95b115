// The settings of a node that its doors ask for.

import type { PackText } from './framing/packed.ts'
import type { NodeSettings } from './node-settings.ts'
import type { NodeWatch } from './observer/node-watch.ts'
import type { Permit } from './request/authorize.ts'
import type { TopicSetTable } from './session/topic-set-table.ts'
import type { Compress } from './session/sink.ts'

/** The part of a node that never changes. */
export class NodeFacts {
  readonly #settings: NodeSettings

  constructor(settings: NodeSettings) {
    this.#settings = settings
  }

  /** The name that its session ids begin with. */
  get nodeName(): string {
    return this.#settings.nodeName
  }

  /** Counts what happens, and tells the observer. */
  get watch(): NodeWatch {
    return this.#settings.watch
  }

  /** Compresses streams for clients that accept it; undefined: they stay plain. */
  get compress(): Compress | undefined {
    return this.#settings.compress
  }

  /** Compresses single events for clients that ask for it; undefined: they stay plain. */
  get pack(): PackText | undefined {
    return this.#settings.pack
  }

  /** Asks `authorize` whether a request may do what it asks for; undefined: everybody may everything. */
  get permit(): Permit | undefined {
    return this.#settings.permit
  }

  /** Keeps topic sets that were changed on open streams, so that cursors lead back to them. */
  get topicSets(): TopicSetTable {
    return this.#settings.topicSets
  }

  /** Told of faults that the client learns little of. */
  get onError(): (error: unknown) => void {
    return this.#settings.onError
  }
}
