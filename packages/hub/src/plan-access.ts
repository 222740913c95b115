// From the settings of the hub to what `createAccess` takes, with the files that the settings name.

import { readFile } from 'node:fs/promises'
import type { AccessOptions, TokenIssuer } from '@tidemark/access'
import { hasKeys, isLocked, isUrl, ownCookieName, secretFile } from './config/access-choice.ts'
import type { AuthConfig, HubConfig, IssuerConfig } from './config/hub-config.ts'
import { describeShortSecret } from './config/secret-length.ts'
import { HubError } from './errors.ts'

/**
 * The options of a configuration; undefined where it says nothing of who may come in.
 * @throws HubError `CONFIG_INVALID` for a file that cannot be read, or a secret in one that is too short
 */
export async function planAccess(
  config: Pick<HubConfig, 'anonymous' | 'auth'>,
): Promise<AccessOptions | undefined> {
  const { auth, anonymous } = config
  if (!isLocked(config)) return undefined
  const { sources, cookie, withoutClaim } = auth
  return {
    tokens: hasKeys(config) ? await planIssuers(auth) : [],
    anonymous,
    withoutClaim: { subscribe: withoutClaim },
    sources,
    // Under the name that it has by default the cookie is the hub's own, with the prefix that protects it.
    ...(cookie === ownCookieName ? {} : { cookieName: cookie }),
  }
}

async function planIssuers(auth: AuthConfig): Promise<readonly TokenIssuer[]> {
  if (auth.issuers.length === 0) return [await planIssuer(auth, 'auth', auth)]
  return Promise.all(auth.issuers.map((issuer, i) => planIssuer(issuer, `auth.issuers.${i}`, auth)))
}

async function planIssuer(
  { issuer = '', audience = [], algorithms = [], ...key }: Partial<IssuerConfig>,
  place: string,
  { claims, roles, clockTolerance }: AuthConfig,
): Promise<TokenIssuer> {
  const { secret = '', jwks = '', publicKey = '' } = key
  return {
    ...(issuer === '' ? {} : { issuer }),
    ...(audience.length === 0 ? {} : { audience }),
    ...(algorithms.length === 0 ? {} : { algorithms }),
    ...(secret === '' ? {} : { secret: await readSecret(secret, `${place}.secret`, algorithms) }),
    ...(publicKey === '' ? {} : { publicKey: await readText(publicKey, `${place}.publicKey`) }),
    ...(jwks === '' ? {} : isUrl(jwks) ? { jwksUrl: jwks } : { jwksFile: jwks }),
    claimNames: claims,
    ...(roles.length === 0
      ? {}
      : { roles: Object.fromEntries(roles.map(({ role, permissions }) => [role, permissions])) }),
    clockToleranceMs: clockTolerance,
  }
}

/** The line end that editors and `openssl rand` put behind it is no part of a secret. */
async function readSecret(
  secret: string,
  place: string,
  algorithms: readonly string[],
): Promise<string> {
  const file = secretFile(secret)
  if (file === undefined) return secret
  const text = (await readText(file, place)).replace(/\r?\n$/, '')
  if (text.includes('\uFFFD')) {
    throw invalid(
      `${place} must be a text in UTF-8, and is not, in ${file} (make one with: openssl rand -base64 48)`,
    )
  }
  const short = describeShortSecret(Buffer.byteLength(text), algorithms)
  if (short === undefined) return text
  throw invalid(`${place} ${short}, in ${file}`)
}

async function readText(file: string, place: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw invalid(`${place} cannot be read: ${String(cause)}`, cause)
  }
}

function invalid(fault: string, cause?: unknown): HubError {
  return new HubError('CONFIG_INVALID', `The configuration is not usable: ${fault}.`, { cause })
}
