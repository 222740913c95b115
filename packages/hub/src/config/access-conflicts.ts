// Settings of access that contradict each other, or lead to a hub that lets in the wrong ones or nobody.

import { isLoopbackName } from '../loopback.ts'
import { hasKeys, isLocked, isUrl, secretFile } from './access-choice.ts'
import { accessRows } from './access-settings.ts'
import type { Fault } from './fault.ts'
import type { AuthConfig, HubConfig, IssuerConfig } from './hub-config.ts'
import { isDefault } from './is-default.ts'
import { parseOriginPattern } from './origin-pattern.ts'
import { describeShortSecret } from './secret-length.ts'

/** One fault for each. */
export function findAccessConflicts(config: HubConfig): readonly Fault[] {
  const { auth, insecure } = config
  const faults = [...findKeyFaults(config), ...findOriginFaults(config)]
  if (insecure && isLocked(config)) {
    faults.push(
      fault('insecure', 'must be left out where auth or anonymous says who may come in', true),
    )
  }
  for (const [place, patterns] of Object.entries(config.anonymous)) {
    if (patterns.some((pattern) => pattern.startsWith('$'))) {
      const wanted = 'must name topics that do not begin with $, which are for the permission admin'
      faults.push(fault(`anonymous.${place}`, wanted, patterns))
    }
    if (!patterns.some((pattern) => pattern.includes('{sub}'))) continue
    const wanted = 'must name topics without {sub}, because a visitor without a token is no user'
    faults.push(fault(`anonymous.${place}`, wanted, patterns))
  }
  const { cookie, sources } = auth
  if (!/^[\w!#$%&'*+.^`|~-]{1,64}$/.test(cookie)) {
    faults.push(fault('auth.cookie', 'must be 1 to 64 letters, digits, - or _', cookie))
  } else if (isGiven('cookie', cookie) && !sources.includes('cookie')) {
    faults.push(
      fault('auth.cookie', 'must be left out, or auth.sources must name cookie too', cookie),
    )
  }
  if (sources.length === 0 || new Set(sources).size < sources.length) {
    faults.push(fault('auth.sources', 'must name each place once, and one at least', sources))
  }
  return faults
}

function findKeyFaults(config: HubConfig): readonly Fault[] {
  const { auth } = config
  const keys = keyNames.filter((name) => auth[name] !== '')
  const [first, second] = keys
  const faults: Fault[] = []
  if (first === undefined && auth.issuers.length === 0) return findOrphans(auth)
  if (second !== undefined) {
    const wanted = `must be left out beside auth.${first}, because a token is checked with one key (name several issuers in auth.issuers)`
    faults.push(fault(`auth.${second}`, wanted))
  }
  const alone = [...keys, ...issuerNames.filter((name) => isGiven(name, auth[name]))]
  if (auth.issuers.length > 0 && alone.length > 0) {
    const wanted = `must be left out beside auth.issuers, each of which has its own (move it into one of them)`
    faults.push(...alone.map((name) => fault(`auth.${name}`, wanted)))
  }
  if (first !== undefined) faults.push(...findIssuerFaults(auth, 'auth'))
  if (auth.jwks !== '' && isUrl(auth.jwks) && auth.issuer === '') {
    const wanted =
      'must be given with a URL of keys, because they may sign the tokens of others as well (what the tokens say in iss)'
    faults.push(fault('auth.issuer', wanted))
  }
  for (const [i, issuer] of auth.issuers.entries()) {
    faults.push(...findIssuerFaults(issuer, `auth.issuers.${i}`))
  }
  const names = auth.issuers.map(({ issuer }) => issuer)
  if (new Set(names).size < names.length) {
    faults.push(fault('auth.issuers', 'must name each issuer once', names))
  }
  return [
    ...faults,
    ...findRoleFaults(auth),
    ...findResourceFaults(auth),
    ...findNameFaults(config),
  ]
}

const keyNames = ['secret', 'jwks', 'publicKey'] as const
const issuerNames = ['issuer', 'audience', 'algorithms'] as const
const tokenNames = [
  ...issuerNames,
  'claims',
  'roles',
  'clockTolerance',
  'sources',
  'cookie',
  'withoutClaim',
  'resource',
] as const

/** Settings of tokens where none can be checked. */
function findOrphans(auth: AuthConfig): readonly Fault[] {
  return tokenNames
    .filter((name) => isGiven(name, auth[name]))
    .map((name) => {
      const wanted =
        'must come with a key to check tokens with: give auth.secret, auth.jwks or auth.publicKey too'
      return fault(`auth.${name}`, wanted, auth[name])
    })
}

function isGiven(name: (typeof tokenNames)[number], value: unknown): boolean {
  return !isDefault(accessRows[`auth.${name}`], value)
}

function findIssuerFaults(
  { secret = '', jwks = '', publicKey = '', algorithms = [] }: Partial<IssuerConfig>,
  place: string,
): readonly Fault[] {
  const faults: Fault[] = []
  const given = [secret, jwks, publicKey].filter((key) => key !== '')
  if (given.length !== 1 && place !== 'auth') {
    const wanted = 'must have one of jwks, publicKey and secret'
    faults.push(fault(place, wanted))
  }
  const own = secret === '' ? 'a public key (RS256, PS256, ES256, EdDSA, …)' : 'a secret (HS256, …)'
  const foreign = algorithms.filter((name) => name.startsWith('HS') !== (secret !== ''))
  if (given.length === 1 && foreign.length > 0) {
    const wanted = `must be signatures that are made for ${own}: with the other kind anybody could sign`
    faults.push(fault(`${place}.algorithms`, wanted, algorithms))
  }
  const short =
    secret === '' || secretFile(secret) !== undefined
      ? undefined
      : describeShortSecret(Buffer.byteLength(secret), algorithms)
  if (short !== undefined) faults.push(fault(`${place}.secret`, short))
  if (isUrl(jwks) && !isSafeUrl(jwks)) {
    const wanted =
      'must be an https: URL without a user name, or an http: one of this machine, or the path of a file'
    faults.push(fault(`${place}.jwks`, wanted))
  }
  return faults
}

function findRoleFaults({ roles, claims }: AuthConfig): readonly Fault[] {
  if (roles.length === 0) return []
  const names = roles.map(({ role }) => role)
  const isTwice = new Set(names).size < names.length
  return [
    ...(isTwice ? [fault('auth.roles', 'must name each role once', names)] : []),
    ...(claims.permissions === undefined
      ? [
          fault(
            'auth.roles',
            'must come with auth.claims.permissions, the claim in which tokens say their roles',
            names,
          ),
        ]
      : []),
  ]
}

/** Names that stand for nothing, though they look as if they did. */
function findNameFaults({ auth, revocation }: HubConfig): readonly Fault[] {
  const faults: Fault[] = []
  const odd = auth.withoutClaim.filter((pattern) => /\{(?!sub\})/.test(pattern))
  if (odd.length > 0) {
    const wanted =
      'must name no other part than {sub}, which stands for the user; the rest is taken as it is'
    faults.push(fault('auth.withoutClaim', wanted, odd))
  }
  if (revocation.claims.some((name) => name.startsWith('$'))) {
    const wanted = 'must be names of claims that do not begin with $'
    faults.push(fault('revocation.claims', wanted, revocation.claims))
  }
  return faults
}

function findResourceFaults({ resource }: AuthConfig): readonly Fault[] {
  if (resource === '' || (isSafeUrl(resource) && !/[?#]/.test(resource))) return []
  const wanted =
    'must be an https: URL without a query, such as https://hub.example.org, or an http: one of this machine'
  return [fault('auth.resource', wanted, resource)]
}

/** A user name or a password in a URL would be shown wherever the URL is. */
function isSafeUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, username, password } = new URL(text)
  if (username !== '' || password !== '') return false
  return protocol === 'https:' || (protocol === 'http:' && isLoopbackName(hostname))
}

function findOriginFaults(config: HubConfig): readonly Fault[] {
  const { origins, credentials } = config.cors
  const faults: Fault[] = []
  const odd = origins.filter((text) => parseOriginPattern(text) === undefined)
  if (odd.length > 0) {
    const wanted =
      'must be origins as browsers write them, such as https://app.example.org or https://*.example.org: no path, no slash at the end, no default port'
    faults.push(fault('cors.origins', wanted, odd))
  }
  const isEverybody = origins.includes('*')
  if (isEverybody && credentials) {
    const wanted =
      'must name origins where cors.credentials is true: with * any web page could act in the name of your users'
    faults.push(fault('cors.origins', wanted, origins))
  } else if (isEverybody && !isLocked(config) && !config.insecure) {
    const wanted =
      'must name origins where auth says nothing: with * any web page could read and publish here'
    faults.push(fault('cors.origins', wanted, origins))
  }
  if (credentials && origins.length === 0) {
    faults.push(fault('cors.credentials', 'must come with cors.origins, which it is for', true))
  } else if (credentials && !hasKeys(config)) {
    const wanted = 'must be left out where no token can be checked, because no cookie counts then'
    faults.push(fault('cors.credentials', wanted, true))
  }
  return faults
}

function fault(name: string, wanted: string, got?: unknown): Fault {
  return { kind: 'unfit', path: name.split('.'), wanted, got }
}
