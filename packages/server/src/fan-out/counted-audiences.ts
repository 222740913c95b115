// The audiences that get one of some events at least, to count their sessions.

import type { Audience } from './audience.ts'
import type { FilteredEvent } from '../request/filter.ts'

export class CountedAudiences {
  /** All of its sessions, or those that have one of the permissions. */
  readonly #counted = new Map<Audience, 'all' | Set<string>>()

  /** Adds an event that an audience follows; returns whether all its sessions are counted now. */
  add(audience: Audience, event: FilteredEvent): boolean {
    const known = this.#counted.get(audience)
    if (known === 'all') return true
    if (audience.filter?.matches(event) === false) return false
    const { permission } = event
    if (permission === undefined) this.#counted.set(audience, 'all')
    else if (known === undefined) this.#counted.set(audience, new Set([permission]))
    else known.add(permission)
    return permission === undefined
  }

  countSessions(): number {
    let count = 0
    for (const [audience, who] of this.#counted)
      count += who === 'all' ? audience.memberCount : audience.countHolders(who)
    return count
  }
}
