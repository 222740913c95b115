// Changed topic sets that open streams follow: kept for as long as they do.

import type { Clock, Timer } from '@tidemark/log'
import { parsePartsKey } from '../framing/place.ts'
import { topicSetsLookMs } from './limits.ts'
import type { Session } from './session.ts'
import type { TopicSetTable } from './topic-set-table.ts'

/** The parts of the node that it needs. */
interface InUseHost {
  readonly topicSets: TopicSetTable
  readonly clock: Clock
  readonly onError: (error: unknown) => void
  listSessions(): Iterable<Session>
}

/** Looks at all sessions from time to time. A node whose sessions have changed nothing has no timer. */
export class TopicSetsInUse {
  readonly #host: InUseHost
  #timer: Timer | undefined
  #isStopped = false

  constructor(host: InUseHost) {
    this.#host = host
  }

  /** A session follows a changed set. */
  begin(): void {
    if (this.#isStopped) return
    this.#timer ??= this.#host.clock.after(topicSetsLookMs, () => this.#look())
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  #look(): void {
    const keys = new Set<string>()
    for (const { audience } of this.#host.listSessions()) {
      const key = parsePartsKey(audience.framing.parts)
      if (key !== undefined) keys.add(key)
    }
    this.#timer = undefined
    if (keys.size > 0) this.begin()
    this.#host.topicSets.refresh(keys).catch(this.#host.onError)
  }
}
