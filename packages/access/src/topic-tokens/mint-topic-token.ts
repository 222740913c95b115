// A new token for single topics, which an application hands out when one of its clients asks for a topic.

import { AccessError } from '../errors.ts'
import { mintTyped } from '../minting/mint-token.ts'
import type { MintOptions } from '../minting/mint-token.ts'
import { readMembers } from '../read-members.ts'
import { topicTokenType } from './topic-token-type.ts'

/** The topics of a new token, and the key that signs it. */
export interface TopicTokenOptions extends Omit<
  MintOptions,
  'claimNames' | 'permissions' | 'presence' | 'sub' | 'where'
> {
  /** The user that it is for: it grants nothing to others. `null`: to whoever has it, visitors included. */
  readonly sub: string | null
}

const code = 'TOKEN_CLAIMS_INVALID'

/**
 * Signs a token for single topics: it adds them to what a client may do already. So the token that says who a
 * client is need not list all that the client may ever see. The client hands it in as `topicTokens` in the
 * body of `POST /events`, or of `PATCH /sessions/{id}`.
 * @throws AccessError `SIGNING_KEY_INVALID`, `TOKEN_CLAIMS_INVALID`
 * @example
 * const token = await mintTopicToken({ secret, sub: 'ada', subscribe: ['orders/42'], ttlMs: 900_000 })
 */
export async function mintTopicToken(options: TopicTokenOptions): Promise<string> {
  const what = 'The options of a topic token'
  const { sub } = readMembers(options, ['sub'], { code, what })
  const names = ['subscribe', 'publish', 'where'] as const
  const given: Pick<MintOptions, (typeof names)[number]> = options
  const { subscribe, publish, where } = readMembers(given, names, { code, what })
  if (sub === undefined) {
    throw new AccessError(
      code,
      'A topic token is for one user: name the user in sub. With sub: null it is for everybody who has it.',
    )
  }
  if (subscribe === undefined && publish === undefined)
    throw new AccessError(code, 'A topic token names topics. List them in subscribe or publish.')
  if (where !== undefined)
    throw new AccessError(
      code,
      'A topic token names topics only. Say which tags events must have (where) in the token that says who the client is.',
    )
  const others = { sub: sub ?? undefined, permissions: undefined, presence: undefined }
  return mintTyped({ ...options, ...others }, topicTokenType)
}
