// A grant with the topics of the topic tokens that came with its request. Its filter holds for them, too.

import type { Clock } from '@tidemark/log'
import type { Grant } from '@tidemark/server'
import { quote } from '@tidemark/wire/values'
import { AccessError } from '../errors.ts'
import { keepClaims, readGrant, readNames } from '../grants/claims-grant.ts'
import type { GrantNames } from '../grants/claims-grant.ts'
import { grantedNamesMax, recheckAfterRangeMs } from '../limits.ts'
import type { Bearer } from '../revocations/revocation-index.ts'
import { verifyToken } from '../tokens/verify-token.ts'
import type { VerifiedToken, VerifyHost } from '../tokens/verify-token.ts'
import { topicTokenType } from './topic-token-type.ts'

interface TopicTokenHost extends Omit<VerifyHost, 'steps' | 'type'> {
  /** An open stream is asked about once more. A token that has ended since then grants nothing. */
  readonly isRecheck: boolean
  /** Refuses a token that is revoked. Undefined where nothing can be. */
  readonly requireValid?: ((bearer: Bearer) => Promise<void> | undefined) | undefined
}

/** Topics, and when the first of their tokens ends. */
interface Added extends GrantNames {
  readonly expiresAt: number
}

/**
 * Adds topics to a grant. The grant is asked for again when the first token ends, so that its topics leave
 * the stream then, and the others stay.
 * @throws AccessError `TOPIC_TOKEN_INVALID`; ServerError `ACCESS_UNAVAILABLE` while keys cannot be read
 */
export async function addTopicTokens(
  grant: Grant,
  tokens: readonly string[],
  host: TopicTokenHost,
): Promise<Grant> {
  const added: Added[] = []
  // One after the other: a request must not take all cores of a node.
  for (const token of tokens) {
    const names = await readTopicToken(token, grant, host)
    if (names !== undefined) added.push(names)
  }
  if (added.length === 0) return grant
  return {
    ...grant,
    subscribe: join('subscribe', grant, added),
    publish: join('publish', grant, added),
    recheckAfterMs: recheckAfter(grant, added, host.clock),
  }
}

/** Undefined: it grants nothing any more. */
async function readTopicToken(
  text: string,
  grant: Grant,
  host: TopicTokenHost,
): Promise<Added | undefined> {
  try {
    const token = await verifyToken(text, { ...host, type: topicTokenType })
    const names = namesOf(token, grant)
    await host.requireValid?.({ user: grant.user, claims: keepClaims(token.claims, []) })
    return names
  } catch (error) {
    const isOwn = error instanceof AccessError && error.code !== 'TOPIC_TOKEN_INVALID'
    if (!isOwn) throw error
    if (host.isRecheck && error.code === 'TOKEN_EXPIRED') return undefined
    throw invalid(error.message, error)
  }
}

/** `sub` alone binds it, whatever claim names the user of other tokens. */
function namesOf({ claims, expiresAt }: VerifiedToken, { user, permissions }: Grant): Added {
  const { sub, tidemark } = claims
  if (sub !== undefined && sub !== user) {
    throw invalid(
      'It is for another user than the one of the request. Ask the application for one of your own.',
    )
  }
  const names = readGrant('tidemark', tidemark)
  if (names.permissions !== undefined && names.permissions.length > 0)
    throw invalid('It gives permissions, and may give topics only. Leave them out.')
  if (names.where !== undefined) {
    throw invalid(
      'It says which tags events must have (where), and a stream has one filter for all its topics. Say it in the token that says who the client is.',
    )
  }
  const fill = { user, permissions }
  return {
    subscribe: readNames('tidemark.subscribe', names.subscribe, fill),
    publish: readNames('tidemark.publish', names.publish, fill),
    expiresAt,
  }
}

function join(
  list: 'publish' | 'subscribe',
  grant: Grant,
  added: readonly Added[],
): readonly string[] {
  const names = new Set([...(grant[list] ?? []), ...added.flatMap((token) => token[list] ?? [])])
  if (names.size <= grantedNamesMax) return [...names]
  throw invalid(
    `With what the client may do already it makes ${names.size} names to ${quote(list)}; ${grantedNamesMax} may be. Hand out patterns.`,
  )
}

function recheckAfter(
  { recheckAfterMs = Infinity, expiresAt = Infinity }: Grant,
  added: readonly Added[],
  clock: Clock,
): number | undefined {
  const end = Math.min(...added.map((token) => token.expiresAt))
  const { from, to } = recheckAfterRangeMs
  const endMs = end >= expiresAt ? Infinity : Math.max(from, end - clock.now())
  const afterMs = Math.min(recheckAfterMs, endMs)
  return afterMs === Infinity ? undefined : Math.min(afterMs, to)
}

function invalid(reason: string, cause?: unknown): AccessError {
  return new AccessError('TOPIC_TOKEN_INVALID', `A topic token is refused. ${reason}`, { cause })
}
