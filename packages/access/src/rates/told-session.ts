// A session of a user as its node tells it.

import type { ToldCodec } from '@tidemark/server/hub'

export interface ToldSession {
  readonly id: string
  readonly user: string
  /** Milliseconds since 1970, by the clock of its node. */
  readonly openedAt: number
  /** Others have taken `openedAt` for right before, or nobody was there who could have. */
  readonly isKnown: boolean
}

export const toldSessions: ToldCodec<ToldSession> = {
  encode: ({ id, user, openedAt, isKnown }) => [id, user, openedAt, isKnown],
  decode: (row) => {
    if (!Array.isArray(row)) return undefined
    const [id, user, openedAt, isKnown] = row as readonly unknown[]
    if (typeof id !== 'string' || typeof user !== 'string') return undefined
    if (typeof openedAt !== 'number' || typeof isKnown !== 'boolean') return undefined
    return { id, user, openedAt, isKnown }
  },
}
