// Tokens for single topics that a client hands in beside its credentials. The engine carries them to
// `authorize`, and knows nothing else of them.

import { ServerError } from '../errors.ts'
import { readList } from '../read-members.ts'
import { nameOverheadBytes, topicTokenCharactersMax, topicTokensMax } from '../limits.ts'

/**
 * Reads the member `topicTokens` of a JSON body. No message holds a part of a token.
 * @throws ServerError `QUERY_INVALID`
 */
export function readTopicTokens(given: unknown): readonly string[] | undefined {
  if (given === undefined) return undefined
  const wanted = { code: 'QUERY_INVALID', what: 'topicTokens' } as const
  // A text in the place of the list is most likely a token, and would be quoted.
  const tokens = readList((typeof given === 'string' ? {} : given) as readonly unknown[], wanted)
  if (tokens.length <= topicTokensMax && tokens.every(isToken)) return Object.freeze(tokens)
  throw new ServerError(
    'QUERY_INVALID',
    `topicTokens is a list of up to ${topicTokensMax} tokens of 1 to ${topicTokenCharactersMax} visible characters each, as the application hands them out.`,
  )
}

function isToken(given: unknown): given is string {
  if (typeof given !== 'string' || given.length > topicTokenCharactersMax) return false
  return /^[\x21-\x7e]+$/.test(given)
}

/** Bytes that they take while they wait, an estimate from above. */
export function measureTopicTokens(tokens: readonly string[] = []): number {
  return tokens.reduce((bytes, { length }) => bytes + nameOverheadBytes + length, 0)
}
