// Topics and patterns with `{sub}` in them, filled with a user.

import { parseTopicSet } from '@tidemark/log'

const place = '{sub}'

/**
 * Puts the user where `{sub}` stands. A user that is no plain segment of a topic fills none, and such names
 * grant nothing: `*` would be everybody's, and `a/b` another user's.
 */
export function fillNames(names: readonly string[], user: string | undefined): readonly string[] {
  const isPlain = user !== undefined && !/[/*]/.test(user) && !user.startsWith('$')
  return names.flatMap((name) => {
    if (!name.includes(place)) return [name]
    const filled = isPlain ? name.replaceAll(place, () => user) : undefined
    return filled !== undefined && isName(filled) ? [filled] : []
  })
}

/** A user may be too long for a topic, or hold what no topic may. */
function isName(name: string): boolean {
  try {
    parseTopicSet([name])
    return true
  } catch {
    return false
  }
}
