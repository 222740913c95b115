// One record of the ledger in which nodes tell each other of the sessions of their users.

/** A session as its node tells it. */
export interface ToldSession {
  readonly id: string
  readonly user: string
  /** Milliseconds since 1970, by the clock of its node. */
  readonly openedAt: number
  /** Others have taken `openedAt` for right before, or nobody was there who could have. */
  readonly isKnown: boolean
}

export interface SessionChange {
  /** Counts the records of a node, so that others know of one that they have missed. */
  readonly number: number
  /** Begins the list of all sessions of the node anew. */
  readonly isAnew: boolean
  readonly opened: readonly ToldSession[]
  /** Ids. */
  readonly closed: readonly string[]
}

export function encodeChange({ number, isAnew, opened, closed }: SessionChange): string {
  const rows = opened.map(({ id, user, openedAt, isKnown }) => [id, user, openedAt, isKnown])
  return JSON.stringify({ number, isAnew, opened: rows, closed })
}

/** Undefined for what another version of the software has written. */
export function decodeChange(text: string): SessionChange | undefined {
  const said = readJson(text)
  if (typeof said !== 'object' || said === null) return undefined
  const { number, isAnew, opened, closed } = said as Readonly<Record<string, unknown>>
  if (typeof number !== 'number' || typeof isAnew !== 'boolean') return undefined
  if (!Array.isArray(opened) || !isTexts(closed)) return undefined
  const sessions = opened.map((row: unknown) => readSession(row))
  if (!sessions.every((session) => session !== undefined)) return undefined
  return { number, isAnew, opened: sessions, closed }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function readSession(row: unknown): ToldSession | undefined {
  if (!Array.isArray(row)) return undefined
  const [id, user, openedAt, isKnown] = row as readonly unknown[]
  if (typeof id !== 'string' || typeof user !== 'string') return undefined
  if (typeof openedAt !== 'number' || typeof isKnown !== 'boolean') return undefined
  return { id, user, openedAt, isKnown }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string')
}
