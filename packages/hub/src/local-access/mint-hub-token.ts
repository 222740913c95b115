// A new token for the hub of a configuration: for its issuer and audience, signed with its secret.

import { mintToken } from '@tidemark/access'
import type { MintOptions } from '@tidemark/access'
import { quote } from '@tidemark/wire/values'
import type { AuthConfig, HubConfig, IssuerConfig } from '../config/hub-config.ts'
import { HubError } from '../errors.ts'
import { readSecret } from './read-secret.ts'

/** What a new token shall say; whatever is left out comes from the configuration. */
export interface HubTokenWish extends Pick<
  MintOptions,
  'id' | 'keyId' | 'permissions' | 'privateKey' | 'publish' | 'sub' | 'subscribe' | 'ttlMs'
> {
  /** One of `auth.issuers`, or another than `auth.issuer`. */
  readonly issuer?: string | undefined
  readonly audience?: readonly string[] | undefined
  readonly algorithm?: string | undefined
}

/** The settings of one issuer. */
type Issuer = Partial<IssuerConfig>

/**
 * Signs a token that this hub accepts, where the key is its.
 * @throws HubError `SIGNING_KEY_MISSING`, `CONFIG_UNREADABLE`; AccessError `SIGNING_KEY_INVALID`,
 * `TOKEN_CLAIMS_INVALID`
 */
export async function mintHubToken(
  { auth }: Pick<HubConfig, 'auth'>,
  wish: HubTokenWish,
): Promise<string> {
  const { issuer, audience, algorithm, privateKey, ...claims } = wish
  const own = findIssuer(auth, issuer, privateKey !== undefined)
  const key = privateKey === undefined ? { secret: findSecret(own) } : { privateKey }
  return mintToken({
    ...claims,
    ...key,
    algorithms: algorithm === undefined ? own.algorithms : [algorithm],
    issuer: issuer ?? (own.issuer || undefined),
    // A server wants one of its own; more than one would open more doors.
    audience: audience ?? own.audience?.slice(0, 1),
  })
}

/** With a key of its own a token may be for another hub than that of the configuration. */
function findIssuer(auth: AuthConfig, issuer: string | undefined, hasKey: boolean): Issuer {
  const { issuers } = auth
  if (issuers.length === 0) return auth
  const names = issuers.map((each) => each.issuer)
  if (issuer === undefined) {
    const [first, ...more] = issuers
    if (first !== undefined && more.length === 0) return first
    if (hasKey) return {}
    throw missing(`auth.issuers has several (${names.map(quote).join(', ')}). Name one: --issuer`)
  }
  const found = issuers.find((each) => each.issuer === issuer)
  if (found !== undefined) return found
  if (hasKey) return {}
  throw missing(
    `auth.issuers has no ${quote(issuer)}; it has ${names.map(quote).join(', ')}. Name one of them`,
  )
}

function findSecret({ secret = '', jwks = '', publicKey = '' }: Issuer): string {
  if (secret !== '') return readSecret(secret)
  const isPublic = jwks !== '' || publicKey !== ''
  throw missing(
    isPublic
      ? 'the hub checks tokens with a public key, which signs none. Give the private one: --key private.pem'
      : 'no secret is configured. Give the hub and this command the same one: TIDEMARK_AUTH_SECRET, --auth-secret or auth.secret in tidemark.config.json (make one with: openssl rand -base64 32)',
  )
}

function missing(text: string): HubError {
  return new HubError('SIGNING_KEY_MISSING', `There is no key to sign a token with: ${text}.`)
}
