// The query of a request that takes few parameters, each at most once.

import { ServerError } from '@tidemark/server'
import { nearestName, quote } from '@tidemark/wire/values'

/**
 * Reads the parameters `names`, each at most once.
 * @throws ServerError `QUERY_INVALID` for an unknown or repeated one
 */
export function readQuery<Name extends string>(
  query: URLSearchParams,
  names: readonly Name[],
): Readonly<Partial<Record<Name, string>>> {
  const values: Partial<Record<Name, string>> = {}
  for (const [given, value] of query) {
    const name = requireKnown(given, names)
    if (values[name] !== undefined) {
      throw new ServerError(
        'QUERY_INVALID',
        `${name} may be given once; got several values. Leave one.`,
      )
    }
    values[name] = value
  }
  return values
}

/**
 * Reads the parameters `names`, each as often as it is given.
 * @throws ServerError `QUERY_INVALID` for an unknown one
 */
export function readLists<Name extends string>(
  query: URLSearchParams,
  names: readonly Name[],
): Readonly<Partial<Record<Name, readonly string[]>>> {
  for (const given of query.keys()) requireKnown(given, names)
  const lists: Partial<Record<Name, readonly string[]>> = {}
  for (const name of names) lists[name] = query.getAll(name)
  return lists
}

function requireKnown<Name extends string>(given: string, names: readonly Name[]): Name {
  const name = names.find((known) => known === given)
  if (name !== undefined) return name
  const nearest = nearestName(given, names)
  const hint =
    nearest === undefined ? `Known are ${names.join(', ') || 'none'}.` : `Did you mean ${nearest}?`
  throw new ServerError(
    'QUERY_INVALID',
    `There is no query parameter ${quote(given)} here. ${hint}`,
  )
}
