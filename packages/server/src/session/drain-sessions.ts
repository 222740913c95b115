// Sends all sessions of a node away at a steady pace, so that their clients do not all arrive elsewhere.

import type { Clock } from '@tidemark/log'
import { goodbyePollMs } from '../limits.ts'
import type { Session } from './session.ts'
import type { SessionRegistry } from './session-registry.ts'

interface DrainHost {
  readonly clock: Clock
  readonly sessionsPerSecond: number
  /** Sessions that have got their goodbye, and have not read it yet. */
  readonly leaving: { readonly size: number }
  readonly dismiss: (session: Session) => void
}

/** Resolves when the last session has left. */
export async function drainSessions(sessions: SessionRegistry, host: DrainHost): Promise<void> {
  const { clock, sessionsPerSecond, leaving, dismiss } = host
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => clock.after(ms, resolve, { isAwaited: true }))
  const portion = Math.max(1, Math.round(sessionsPerSecond / 20))
  const pauseMs = (1_000 * portion) / sessionsPerSecond
  while (sessions.size > 0) {
    for (const session of sessions.first(portion)) dismiss(session)
    if (sessions.size > 0) await pause(pauseMs)
  }
  // Each leaves when it has read its goodbye, or when its time for that is over.
  while (leaving.size > 0) await pause(goodbyePollMs)
}
