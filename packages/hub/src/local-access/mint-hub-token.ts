// A new token for the hub of a configuration: for its issuer and audience, signed with its secret.

import { mintToken, mintTopicToken } from '@tidemark/access'
import type { MintOptions, TokenIssuer } from '@tidemark/access'
import { readWhereTexts } from '@tidemark/server/hub'
import { quote } from '@tidemark/wire/values'
import type { HubConfig } from '../config/hub-config.ts'
import { requireConfig } from '../config/load-config.ts'
import { HubError } from '../errors.ts'
import { planAccess } from '../plan-access.ts'

/** The claims of a new token; whatever is left out comes from the configuration. */
export interface HubTokenWish extends Pick<
  MintOptions,
  'id' | 'keyId' | 'permissions' | 'privateKey' | 'publish' | 'sub' | 'subscribe' | 'ttlMs'
> {
  /** Tags that events must have, such as `region:eu` or `region:eu|us`. */
  readonly where?: readonly string[] | undefined
  /** One of `auth.issuers`, or another than `auth.issuer`. */
  readonly issuer?: string | undefined
  readonly audience?: readonly string[] | undefined
  readonly algorithm?: string | undefined
  /** A token for single topics, in place of one that says who somebody is. Without `sub`: for everybody. */
  readonly isTopicToken?: boolean | undefined
}

/**
 * Signs a token that this hub accepts, where the key is its.
 * @throws HubError `SIGNING_KEY_MISSING`, `CONFIG_INVALID`; AccessError `SIGNING_KEY_INVALID`,
 * `TOKEN_CLAIMS_INVALID`; ServerError `FILTER_INVALID`
 */
export async function mintHubToken(given: HubConfig, wish: HubTokenWish): Promise<string> {
  const config = requireConfig(given)
  const { issuer, audience, algorithm, privateKey, isTopicToken, where = [], ...claims } = wish
  const issuers = (await planAccess(config))?.tokens ?? []
  const own = findIssuer(issuers, issuer, privateKey !== undefined)
  const key = privateKey === undefined ? { secret: findSecret(own) } : { privateKey }
  const options = {
    ...claims,
    ...key,
    where: readWhereTexts(where),
    algorithms: algorithm === undefined ? own.algorithms : [algorithm],
    issuer: issuer ?? own.issuer,
    audience: audience ?? firstOf(own.audience),
  }
  if (isTopicToken === true) return mintTopicToken({ ...options, sub: claims.sub ?? null })
  return mintToken({ ...options, claimNames: own.claimNames })
}

/** With a key of its own a token may be for another hub than that of the configuration. */
function findIssuer(
  issuers: readonly TokenIssuer[],
  wanted: string | undefined,
  hasKey: boolean,
): TokenIssuer {
  const [first, ...more] = issuers
  if (first === undefined || (more.length === 0 && wanted === undefined)) return first ?? {}
  const found = issuers.find(({ issuer }) => issuer === wanted && wanted !== undefined)
  if (found !== undefined) return found
  // A single row that names no issuer takes any.
  if (more.length === 0 && first.issuer === undefined) return first
  if (hasKey) return {}
  const names = issuers.map(({ issuer = '' }) => quote(issuer)).join(', ')
  throw missing(
    wanted === undefined
      ? `auth.issuers has several (${names}). Name one: --issuer`
      : `the settings have no issuer ${quote(wanted)}; they have ${names}. Name one of them`,
  )
}

function findSecret({ secret, ...other }: TokenIssuer): string {
  if (typeof secret === 'string') return secret
  const isPublic = Object.keys(other).some((name) => /^(?:jwks|publicKey)/.test(name))
  throw missing(
    isPublic
      ? 'the hub checks tokens with a public key, which signs none. Give the private one: --key private.pem'
      : 'no secret is configured. Give the hub and this command the same one: TIDEMARK_AUTH_SECRET, --auth-secret or auth.secret in tidemark.config.json (make one with: openssl rand -base64 32)',
  )
}

/** A server wants one of its own; more than one would open more doors. */
function firstOf(audience: TokenIssuer['audience']): string | undefined {
  return typeof audience === 'string' ? audience : audience?.[0]
}

function missing(text: string): HubError {
  return new HubError('SIGNING_KEY_MISSING', `There is no key to sign a token with: ${text}.`)
}
