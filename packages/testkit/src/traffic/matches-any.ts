// Topics and patterns once more, by other means than the code under test.

/** Whether a topic is one of `names`, which may hold `*` (one segment) and a last `**` (one or more). */
export function matchesAny(names: readonly string[], topic: string): boolean {
  return names.some((name) => matches(name.split('/'), topic.split('/')))
}

/** The same for many topics, each looked at once. */
export function createMatcher(names: readonly string[]): (topic: string) => boolean {
  const known = new Map<string, boolean>()
  return (topic) => {
    const isOne = known.get(topic) ?? matchesAny(names, topic)
    known.set(topic, isOne)
    return isOne
  }
}

function matches(wanted: readonly string[], given: readonly string[]): boolean {
  const isOpen = wanted.at(-1) === '**'
  if (isOpen ? given.length < wanted.length : given.length !== wanted.length) return false
  return wanted.every((segment, i) => segment.startsWith('*') || segment === given[i])
}
