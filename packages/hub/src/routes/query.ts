// The query of a request that takes few parameters, each at most once.

import { nearestName, quote } from '@tidemark/server/hub'
import { HubError } from '../errors.ts'

/**
 * Reads the parameters `names`, each at most once.
 * @throws HubError `QUERY_INVALID` for an unknown or repeated one
 */
export function readQuery<Name extends string>(
  query: URLSearchParams,
  names: readonly Name[],
): Readonly<Partial<Record<Name, string>>> {
  const values: Partial<Record<Name, string>> = {}
  for (const [given, value] of query) {
    const name = names.find((known) => known === given)
    if (name === undefined) {
      const nearest = nearestName(given, names)
      const hint =
        nearest === undefined
          ? `Known are ${names.join(', ') || 'none'}.`
          : `Did you mean ${nearest}?`
      throw new HubError(
        'QUERY_INVALID',
        `There is no query parameter ${quote(given)} here. ${hint}`,
      )
    }
    if (values[name] !== undefined) {
      throw new HubError(
        'QUERY_INVALID',
        `${name} may be given once; got several values. Leave one.`,
      )
    }
    values[name] = value
  }
  return values
}
