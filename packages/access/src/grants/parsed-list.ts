// Lists of topics that many tokens grant alike.

import { parseTopicSet } from '@tidemark/log'
import { sharedListCharactersMax, sharedListsCharactersMax } from '../limits.ts'
import { TwoHalves } from '../tokens/two-halves.ts'

/** By their JSON, because a name can hold anything that might stand between two names. */
const lists = new TwoHalves<readonly string[]>(sharedListsCharactersMax, ({ length }) => length)

/**
 * A list with the same names, frozen, so that `parseTopicSet` parses it once. Tokens that grant the same
 * share one list.
 * @throws LogError as `parseTopicSet`
 */
export function parsedList(names: readonly string[]): readonly string[] {
  const key = JSON.stringify(names)
  const known = lists.get(key)
  if (known !== undefined) return known
  const list = Object.freeze([...names])
  parseTopicSet(list)
  if (key.length <= sharedListCharactersMax) lists.set(key, list)
  return list
}
