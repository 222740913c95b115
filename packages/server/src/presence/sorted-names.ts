// The names of a topic's users in their order, kept while somebody reads them page by page.

import { changedNamesMax } from './limits.ts'

/**
 * Sorting 100,000 names takes 0.1 s, and everybody who may read the topic can ask for a page. So they are
 * sorted once, and a few changes are put in their places before the next page.
 */
export class SortedNames {
  readonly #list: () => Iterable<string>
  #sorted: string[] | undefined
  /** Names that have come or gone since. */
  readonly #changed = new Map<string, boolean>()

  /** @param list all names, in any order */
  constructor(list: () => Iterable<string>) {
    this.#list = list
  }

  /** A name has come, or has gone. */
  changed(name: string, isThere: boolean): void {
    if (this.#sorted === undefined) return
    this.#changed.set(name, isThere)
    if (this.#changed.size <= changedNamesMax) return
    // It costs less to sort them anew, if somebody asks again.
    this.#sorted = undefined
    this.#changed.clear()
  }

  /** The names behind `after`, `limit` of them at most, and whether there are more. */
  page(after: string | undefined, limit: number): readonly [names: string[], hasMore: boolean] {
    const sorted = (this.#sorted ??= [...this.#list()].sort(compareNames))
    for (const [name, isThere] of this.#changed) change(sorted, name, isThere)
    this.#changed.clear()
    const start = after === undefined ? 0 : findPlace(sorted, after, true)
    return [sorted.slice(start, start + limit), sorted.length > start + limit]
  }
}

function compareNames(one: string, other: string): number {
  if (one === other) return 0
  return one < other ? -1 : 1
}

function change(sorted: string[], name: string, isThere: boolean): void {
  const place = findPlace(sorted, name, false)
  const wasThere = sorted[place] === name
  if (isThere === wasThere) return
  if (isThere) sorted.splice(place, 0, name)
  else sorted.splice(place, 1)
}

/** Where names begin that are not before `name`, or that are behind it. */
function findPlace(sorted: readonly string[], name: string, isBehind: boolean): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const order = compareNames(sorted[middle] ?? '', name)
    if (order < 0 || (isBehind && order === 0)) low = middle + 1
    else high = middle
  }
  return low
}
