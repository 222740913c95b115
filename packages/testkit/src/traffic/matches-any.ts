// Topics and patterns once more, by other means than the code under test.

/** Whether a topic is one of `names`, which may hold `*` (one segment) and a last `**` (one or more). */
export function matchesAny(names: readonly string[], topic: string): boolean {
  return names.some((name) => matches(name.split('/'), topic.split('/')))
}

function matches(wanted: readonly string[], given: readonly string[]): boolean {
  const isOpen = wanted.at(-1) === '**'
  if (isOpen ? given.length < wanted.length : given.length !== wanted.length) return false
  return wanted.every((segment, i) => segment.startsWith('*') || segment === given[i])
}
