// A session as presence shows it, and as its node tells it.

import type { Topic } from '@tidemark/log'
import type { ToldCodec } from './session-change.ts'

/** Facts about a user that a session shows: texts, numbers and booleans by name. */
export type PresenceData = Readonly<Record<string, boolean | number | string>>

export interface PresentSession {
  readonly id: string
  /** Undefined: nobody in particular. */
  readonly user: string | undefined
  /** Those where presence is on; at least one. */
  readonly topics: readonly Topic[]
  readonly data: PresenceData | undefined
}

/** Session ids begin with the name of their node. */
export function nodeOf(sessionId: string): string {
  return sessionId.slice(0, sessionId.indexOf('.'))
}

/** Whether two states of a session show the same. */
export function isSameSession(one: PresentSession, other: PresentSession): boolean {
  if (one.user !== other.user || one.topics.length !== other.topics.length) return false
  if (one.data !== other.data && JSON.stringify(one.data) !== JSON.stringify(other.data))
    return false
  return one.topics.every((topic, i) => topic === other.topics[i])
}

export const presentSessions: ToldCodec<PresentSession> = {
  encode: ({ id, user, topics, data }) => [id, user ?? null, topics, data ?? null],
  decode: (row) => {
    if (!Array.isArray(row)) return undefined
    const [id, user, topics, data] = row as readonly unknown[]
    if (typeof id !== 'string' || !isTexts(topics)) return undefined
    if (user !== null && typeof user !== 'string') return undefined
    if (typeof data !== 'object') return undefined
    return {
      id,
      user: user ?? undefined,
      // A node tells topics that it has checked.
      topics: topics as readonly Topic[],
      data: data === null ? undefined : (data as PresenceData),
    }
  },
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string')
}
