// The id of a session names the node that the session lives at.

import { nodeNameCharactersMax } from '../limits.ts'

const idShape = /^([0-9A-Za-z_-]+)\.[0-9A-Za-z_-]{22}$/

/** The name of the node that gave an id; undefined for a text that no node gives. */
export function nodeOf(id: string): string | undefined {
  const name = idShape.exec(id)?.[1]
  return name === undefined || name.length > nodeNameCharactersMax ? undefined : name
}
