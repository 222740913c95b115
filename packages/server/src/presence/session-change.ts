// One record of the ledger in which nodes tell each other of their sessions.

/** A session as its node tells it. */
export interface ToldSession {
  readonly id: string
}

/** How the sessions of one kind become JSON. */
export interface ToldCodec<Told extends ToldSession> {
  /** Plain JSON. */
  readonly encode: (session: Told) => unknown
  /** Undefined for what another version of the software has written. */
  readonly decode: (row: unknown) => Told | undefined
}

export interface SessionChange<Told extends ToldSession> {
  /** Counts the records of a node, so that others know of one that they have missed. */
  readonly number: number
  /** Begins the list of all sessions of the node anew. */
  readonly isAnew: boolean
  /** Sessions that were open before follow with the next record. */
  readonly hasMore: boolean
  /** Sessions that have opened, or are another way now. */
  readonly opened: readonly Told[]
  /** Ids. */
  readonly closed: readonly string[]
}

/** @param rows the sessions that have opened, each as JSON */
export function encodeChange(
  { number, isAnew, hasMore, closed }: Omit<SessionChange<ToldSession>, 'opened'>,
  rows: readonly string[],
): string {
  const others = JSON.stringify({ number, isAnew, hasMore, closed })
  return `${others.slice(0, -1)},"opened":[${rows.join()}]}`
}

/** Undefined for what another version of the software has written. */
export function decodeChange<Told extends ToldSession>(
  text: string,
  codec: ToldCodec<Told>,
): SessionChange<Told> | undefined {
  const said = readJson(text)
  if (typeof said !== 'object' || said === null) return undefined
  const { number, isAnew, hasMore, opened, closed } = said as Readonly<Record<string, unknown>>
  if (typeof number !== 'number' || typeof isAnew !== 'boolean') return undefined
  if (!Array.isArray(opened) || !isTexts(closed) || typeof hasMore !== 'boolean') return undefined
  const sessions = opened.map((row: unknown) => codec.decode(row))
  if (!sessions.every((session) => session !== undefined)) return undefined
  return { number, isAnew, hasMore, opened: sessions, closed }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string')
}
