// Sending all sessions of a node away at a steady pace.

import type { Clock } from '@tidemark/log'
import { goodbyePollMs } from '../limits.ts'
import type { Session } from './session.ts'
import type { SessionRegistry } from './session-registry.ts'

/** The parts of the node that it needs. */
interface DrainHost {
  readonly sessions: SessionRegistry
  /** Sessions that have been told goodbye. */
  readonly leaving: { readonly size: number }
  readonly clock: Clock
  sendAway(session: Session): void
}

/** Resolves when the last has left. */
export async function drainSessions(host: DrainHost, sessionsPerSecond: number): Promise<void> {
  const { sessions, leaving, clock, sendAway } = host
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => clock.after(ms, resolve, { isAwaited: true }))
  const portion = Math.max(1, Math.round(sessionsPerSecond / 20))
  const pauseMs = (1_000 * portion) / sessionsPerSecond
  while (sessions.size > 0) {
    for (const session of sessions.first(portion)) sendAway(session)
    if (sessions.size > 0) await pause(pauseMs)
  }
  // Each leaves when it has read its goodbye, or when its time for that is over.
  while (leaving.size > 0) await pause(goodbyePollMs)
}
