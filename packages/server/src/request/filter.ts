// Which events of its topics a stream gets: those that its client asked for, within what its grant says.

/** The parts of an event by which readers are told apart: of a record, or of an event to publish. */
export interface FilteredEvent {
  readonly type?: string | undefined
  readonly key?: string | undefined
  readonly tags?: Readonly<Record<string, string>> | undefined
  readonly permission?: string | undefined
}

/** The terms of a filter. Each that is there must hold; a list holds where one of its texts does. */
export interface FilterTerms {
  readonly types?: readonly string[] | undefined
  readonly keys?: readonly string[] | undefined
  /** Values by the name of their tag. */
  readonly where?: ReadonlyMap<string, readonly string[]> | undefined
}

/** The terms in one order. A list that is not there lets everything through, an empty one nothing. */
type Canonical = readonly [
  types: readonly string[] | null,
  keys: readonly string[] | null,
  where: readonly (readonly [name: string, values: readonly string[]])[],
]

/** A filter, compiled once for all streams that have it. Where there is none, nothing is left out. */
export class Filter {
  /** Equal for filters with the same terms, in whatever order they were named. */
  readonly key: string
  readonly #types: ReadonlySet<string> | undefined
  readonly #keys: ReadonlySet<string> | undefined
  readonly #where: readonly (readonly [name: string, values: ReadonlySet<string>])[]

  /** Of its own key. Its texts are read from there, so it keeps nothing of a URL or a body in memory. */
  constructor(key: string) {
    const [types, keys, where] = JSON.parse(key) as Canonical
    this.key = key
    this.#types = types === null ? undefined : new Set(types)
    this.#keys = keys === null ? undefined : new Set(keys)
    this.#where = where.map(([name, values]) => [name, new Set(values)])
  }

  matches({ type = 'message', key, tags }: FilteredEvent): boolean {
    if (this.#types?.has(type) === false) return false
    if (this.#keys !== undefined && (key === undefined || !this.#keys.has(key))) return false
    for (const [name, values] of this.#where) {
      const value = tags?.[name]
      if (value === undefined || !values.has(value)) return false
    }
    return true
  }
}

/** The filters that are in use, by their keys. */
const inUse = new Map<string, WeakRef<Filter>>()
const unused = new FinalizationRegistry<string>((key) => {
  // Another filter of this key may have been made meanwhile.
  if (inUse.get(key)?.deref() === undefined) inUse.delete(key)
})

/** The one filter of these terms; undefined where there are none. */
export function createFilter({ types, keys, where = new Map() }: FilterTerms): Filter | undefined {
  if (types === undefined && keys === undefined && where.size === 0) return undefined
  const tags = [...where].map(([name, values]) => [name, sortTexts(values)] as const)
  tags.sort(([one], [other]) => (one < other ? -1 : 1))
  return filterOf([sortTexts(types), sortTexts(keys), tags])
}

/** The filter that lets through what both do. Without one of them it is the other. */
export function allOf(one: Filter | undefined, other: Filter | undefined): Filter | undefined {
  if (one === undefined || one === other) return other
  if (other === undefined) return one
  const [types, keys, where] = JSON.parse(one.key) as Canonical
  const [otherTypes, otherKeys, otherWhere] = JSON.parse(other.key) as Canonical
  const joined = new Map<string, readonly string[]>(where)
  for (const [name, values] of otherWhere)
    joined.set(name, common(joined.get(name) ?? null, values) ?? [])
  return createFilter({
    types: common(types, otherTypes) ?? undefined,
    keys: common(keys, otherKeys) ?? undefined,
    where: joined,
  })
}

function filterOf(terms: Canonical): Filter {
  const key = JSON.stringify(terms)
  const known = inUse.get(key)?.deref()
  if (known !== undefined) return known
  const filter = new Filter(key)
  inUse.set(key, new WeakRef(filter))
  unused.register(filter, key)
  return filter
}

function sortTexts(texts: readonly string[]): readonly string[]
function sortTexts(texts: readonly string[] | undefined): readonly string[] | null
function sortTexts(texts: readonly string[] | undefined): readonly string[] | null {
  return texts === undefined ? null : [...new Set(texts)].sort()
}

function common(
  one: readonly string[] | null,
  other: readonly string[] | null,
): readonly string[] | null {
  if (one === null || other === null) return one ?? other
  return one.filter((text) => other.includes(text))
}

/** A reader of events, as far as it decides which it gets. */
export interface Reader {
  /** Undefined: it gets all that its permissions let it. */
  readonly filter: Filter | undefined
  readonly permissions: readonly string[]
}

/**
 * Whether a reader may get an event, whichever way the event takes. A flush asks its two halves apart: the
 * filter for all sessions that share it, the permission for each session.
 */
export function mayGet(event: FilteredEvent, { filter, permissions }: Reader): boolean {
  return filter?.matches(event) !== false && isPermitted(event, permissions)
}

/** Whether a reader has the permission that an event asks for, if it asks for one. */
function isPermitted({ permission }: FilteredEvent, permissions: readonly string[]): boolean {
  return permission === undefined || permissions.includes(permission)
}
