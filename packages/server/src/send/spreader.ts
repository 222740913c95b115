// Writes one event to many sessions of this node: encoded once per framing, and in portions, so that 10,000
// sessions hold up nobody.

import type { Audience } from '../fan-out/audience.ts'
import type { Block } from '../framing/block.ts'
import { Turns } from '../catch-up/turns.ts'
import type { NodeSettings } from '../node-settings.ts'
import { toOwnEvent } from '../publish/new-event.ts'
import { mayGet } from '../request/filter.ts'
import type { IsLate } from '../session/is-late.ts'
import type { SessionEvent } from '../session/session-handle.ts'
import { readerOf } from '../session/session-holder.ts'
import type { SessionRegistry } from '../session/session-registry.ts'
import { spreadNamesMax, spreadSessionsMax } from './limits.ts'
import { overlaps } from './overlaps.ts'

/** The sessions that an event is for, of those that may get it. All that is given must be true of one. */
export interface SpreadTarget {
  readonly label?: string | undefined
  /** Follows a topic that it matches, or another pattern that may. */
  readonly pattern?: string | undefined
  readonly permission?: string | undefined
}

/** An event, and whom it is for. */
export interface SpreadAct {
  readonly to: SpreadTarget
  readonly event: SessionEvent & { readonly data: string }
}

export class Spreader {
  readonly #settings: NodeSettings
  readonly #sessions: SessionRegistry
  readonly #turns = new Turns()
  #last: Promise<unknown> = Promise.resolve()

  constructor(settings: NodeSettings, sessions: SessionRegistry) {
    this.#settings = settings
    this.#sessions = sessions
  }

  /**
   * Resolves to how many sessions have taken the event, or hold it until their stream begins. Two events
   * reach each session in the order of the calls.
   * @throws ServerError `TOPIC_INVALID`, `TOPIC_RESERVED`, `EVENT_…`
   */
  spread(act: SpreadAct, isLate: IsLate): Promise<number> {
    const done = this.#last.then(() => this.#spreadNow(act, isLate))
    this.#last = done.catch(() => undefined)
    return done
  }

  async #spreadNow({ to, event }: SpreadAct, isLate: IsLate): Promise<number> {
    const { eventBytesMax, clock } = this.#settings
    const own = toOwnEvent(event, { eventBytesMax, time: clock.now() })
    const blocks = new Map<string, Block>()
    const choice = new Choice(to)
    const { label } = to
    let taken = 0
    let left = spreadSessionsMax
    for (const session of this.#sessions.list(label === undefined ? {} : { label })) {
      if (left === 0 || choice.looked >= spreadNamesMax) {
        await this.#turns.take(this)
        if (isLate()) return taken
        left = spreadSessionsMax
        choice.looked = 0
      }
      left -= 1
      if (session.isClosed || !choice.isMeant(session)) continue
      if (!mayGet(own, readerOf(session))) continue
      const { framing } = session.audience
      // It has no id, so what a session's cursor says beside its place is not in it.
      const block = blocks.get(framing.frameKey) ?? framing.encodeOwn(own)
      blocks.set(framing.frameKey, block)
      if (session.writeOwn(block, isLate) !== false) taken += 1
    }
    return taken
  }
}

/** Chooses sessions. Those of one audience follow the same names, so the names are looked at once. */
class Choice {
  readonly #to: SpreadTarget
  readonly #known = new Map<Audience, boolean>()
  /** Names that were compared with the pattern since this was last set to 0. */
  looked = 0

  constructor(to: SpreadTarget) {
    this.#to = to
  }

  isMeant({ owner, audience }: Meant): boolean {
    const { permission } = this.#to
    if (permission !== undefined && owner.rights?.permissions.includes(permission) !== true)
      return false
    return this.#follows(audience)
  }

  #follows(audience: Audience): boolean {
    const { pattern } = this.#to
    if (pattern === undefined) return true
    const known = this.#known.get(audience)
    if (known !== undefined) return known
    const { topics, patterns } = audience.topics
    this.looked += topics.length + patterns.length
    const isMeant =
      topics.some((name) => overlaps(pattern, name)) ||
      patterns.some((name) => overlaps(pattern, name))
    this.#known.set(audience, isMeant)
    return isMeant
  }
}

interface Meant {
  readonly owner: { readonly rights?: { readonly permissions: readonly string[] } | undefined }
  readonly audience: Audience
}
