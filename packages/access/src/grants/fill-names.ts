// Topics and patterns with `{sub}` in them, filled with a user.

import { parseTopic, parseTopicSet } from '@tidemark/log'

/** Stands for the user. */
export const userPlace = '{sub}'

/**
 * Puts the user where `{sub}` stands. A user that is no plain segment of a topic fills no name, and such
 * names grant nothing. `*` would be everybody's, `a/b` another user's, and `$hub` the hub's own.
 */
export function fillNames(names: readonly string[], user: string | undefined): readonly string[] {
  if (!names.some((name) => name.includes(userPlace))) return names
  const isPlain = user !== undefined && isSegment(user)
  return names.flatMap((name) => {
    if (!name.includes(userPlace)) return [name]
    const filled = isPlain ? name.replaceAll(userPlace, () => user) : undefined
    return filled !== undefined && isName(filled) ? [filled] : []
  })
}

function isSegment(user: string): boolean {
  return !user.includes('/') && !user.startsWith('$') && passes(() => parseTopic(user))
}

/** A user may make a name too long. */
function isName(name: string): boolean {
  return passes(() => parseTopicSet([name]))
}

function passes(check: () => unknown): boolean {
  try {
    check()
    return true
  } catch {
    return false
  }
}
