// The settings that say who may come in, one row each: tokens, visitors without one, and pages of other
// origins.

import { tokenAlgorithms } from '@tidemark/access'
import {
  authIssuersMax,
  authNamesMax,
  authRolesMax,
  clockToleranceRangeMs,
  corsOriginsMax,
  grantPatternsMax,
  rolePermissionsMax,
} from './limits.ts'
import { ownCookieName } from './access-choice.ts'
import type { SettingName } from './hub-config.ts'
import { duration, flag, texts } from './kinds.ts'
import type { Member, SettingRow } from './setting.ts'

type AccessName = Extract<SettingName, `${'anonymous' | 'auth' | 'cors'}.${string}`>

/** The parts of a grant that a claim of another name may give. */
const claimUses: readonly string[] = ['user', 'permissions', 'grant']

const patterns = texts(grantPatternsMax, { kind: 'pattern' })
const algorithmNames = texts(tokenAlgorithms.length, { kind: 'choice', of: tokenAlgorithms })
const audiences = texts(authNamesMax, { kind: 'text', names: 'an audience' })

const key = {
  secret: { kind: { kind: 'secret' }, isSecret: true },
  jwks: { kind: { kind: 'place', names: 'an https: URL, or a file of keys (JWKS)' } },
  publicKey: { kind: { kind: 'path', names: 'a file in PEM' } },
} as const

/** The rules for one issuer of tokens, in the file. */
const issuerMembers: Readonly<Record<string, Member>> = {
  issuer: {
    kind: { kind: 'text', names: 'what its tokens say in `iss`' },
    isRequired: true,
    help: 'The issuer, as its tokens say it in `iss`.',
    example: 'https://login.example.org/',
  },
  jwks: {
    ...key.jwks,
    isRequired: false,
    help: 'Its keys. One of `jwks`, `publicKey` and `secret` must be given.',
    example: 'https://login.example.org/.well-known/jwks.json',
  },
  publicKey: {
    ...key.publicKey,
    isRequired: false,
    help: 'Its public key, in PEM.',
    example: 'issuer.pem',
  },
  secret: {
    ...key.secret,
    isRequired: false,
    help: 'Its secret, or `@` and a file that holds it.',
    example: '@issuer.secret',
  },
  audience: {
    kind: audiences,
    isRequired: false,
    help: 'One of these must stand in `aud`. Default: not looked at.',
    example: ['tidemark'],
  },
  algorithms: {
    kind: algorithmNames,
    isRequired: false,
    help: 'The signatures it uses. Default: those that its key is for.',
    example: ['RS256'],
  },
}

/** A word of the claim of permissions, and the permissions that it stands for. */
const roleMembers: Readonly<Record<string, Member>> = {
  role: {
    kind: { kind: 'text', names: 'a word that tokens say' },
    isRequired: true,
    help: 'The word, as tokens say it in the claim that `auth.claims` names for permissions.',
    example: 'editor',
  },
  permissions: {
    kind: texts(rolePermissionsMax, { kind: 'text', names: 'a permission' }),
    isRequired: true,
    help: 'The permissions that it stands for.',
    example: ['sse:read'],
  },
}

/** By name, as in `settings.ts`. */
export const accessRows: Readonly<Record<AccessName, SettingRow>> = {
  'auth.secret': {
    ...key.secret,
    default: '',
    example: '@tidemark.secret',
    value: '<text or @file>',
    help: 'Secret that tokens are signed with (HS256 and longer): at least 32 bytes, or @ and a file that holds it.',
    more: 'A text on the command line stands in the history of a shell; a file or the variable does not.',
  },
  'auth.jwks': {
    ...key.jwks,
    default: '',
    example: 'https://login.example.org/.well-known/jwks.json',
    value: '<url or file>',
    help: 'Public keys of whoever signs the tokens (JWKS). Needs --auth-issuer and --auth-audience where the issuer serves others too.',
    more: 'A URL is https:, or http: on this machine. Keys are fetched again when a token names an unknown one.',
  },
  'auth.publicKey': {
    ...key.publicKey,
    default: '',
    example: 'issuer.pem',
    help: 'Public key of whoever signs the tokens, in PEM.',
  },
  'auth.issuer': {
    kind: { kind: 'text', names: 'what tokens say in `iss`', isOptional: true },
    default: '',
    example: 'https://login.example.org/',
    help: 'Tokens must say this in `iss`.',
  },
  'auth.audience': {
    kind: audiences,
    default: [],
    example: ['tidemark', 'https://hub.example.org'],
    value: '<text,…>',
    help: 'Tokens must say one of these in `aud`.',
  },
  'auth.algorithms': {
    kind: algorithmNames,
    default: [],
    example: ['RS256', 'ES256'],
    help: 'Signatures that are accepted. By default those that the key is for.',
  },
  'auth.issuers': {
    kind: {
      kind: 'list',
      max: authIssuersMax,
      things: 'issuers',
      entry:
        '{"issuer": "https://login.example.org/", "jwks": "https://login.example.org/jwks.json"}',
      members: issuerMembers,
    },
    default: [],
    example: [
      { issuer: 'https://login.example.org/', jwks: 'https://login.example.org/jwks.json' },
      { issuer: 'billing', publicKey: 'billing.pem', algorithms: ['ES256'] },
    ],
    help: 'Several issuers of tokens, each with its own key, in place of the settings above.',
  },
  'auth.claims': {
    kind: { kind: 'names', of: claimUses, names: 'a claim' },
    default: {},
    example: { user: 'userId', permissions: 'role' },
    value: '<use=claim,…>',
    help: 'Claims of another name that give the user, the permissions or the whole grant.',
    more: 'The defaults are `user=sub` and `grant=tidemark`.',
  },
  'auth.roles': {
    kind: {
      kind: 'list',
      max: authRolesMax,
      things: 'roles',
      entry: '{"role": "editor", "permissions": ["sse:read"]}',
      members: roleMembers,
    },
    default: [],
    example: [
      { role: 'editor', permissions: ['sse:read'] },
      { role: 'operator', permissions: ['sse:read', 'admin'] },
    ],
    help: 'Permissions that the words of the claim `auth.claims.permissions` stand for; a word that is not listed stands for none.',
    more: 'By default each word is a permission itself.',
  },
  'auth.clockTolerance': {
    kind: duration(clockToleranceRangeMs),
    default: '5s',
    example: '30s',
    help: 'How far the clocks of the issuers may be from that of the hub.',
    more: 'A token is taken so much before it begins, and after it has ended.',
  },
  'auth.sources': {
    kind: texts(3, { kind: 'choice', of: ['bearer', 'cookie', 'query'] }),
    default: ['bearer', 'cookie', 'query'],
    example: ['bearer'],
    help: 'Where a token is looked for, in this order: the Authorization header, a cookie, `?token=`.',
  },
  'auth.cookie': {
    kind: { kind: 'text', names: 'the name of a cookie' },
    default: ownCookieName,
    example: '__Host-tidemark',
    help: 'The cookie that a token may be in.',
  },
  'auth.withoutClaim': {
    kind: patterns,
    default: ['users/{sub}/**'],
    example: ['users/{sub}/**', 'news'],
    value: '<pattern,…>',
    help: 'Topics that a valid token without a `tidemark` claim may subscribe to; {sub} is its user.',
  },
  'auth.resource': {
    kind: { kind: 'text', names: 'the URL that clients know the hub by', isOptional: true },
    default: '',
    example: 'https://hub.example.org',
    value: '<url>',
    help: 'URL that clients know the hub by, for /.well-known/oauth-protected-resource (RFC 9728).',
    more: 'By default the name that a request asks the hub by.',
  },
  'anonymous.subscribe': {
    kind: patterns,
    default: [],
    example: ['public/**'],
    value: '<pattern,…>',
    help: 'Topics that visitors without a token may subscribe to.',
  },
  'anonymous.publish': {
    kind: patterns,
    default: [],
    example: ['guestbook'],
    value: '<pattern,…>',
    help: 'Topics that visitors without a token may publish to.',
  },
  'cors.origins': {
    kind: texts(corsOriginsMax, {
      kind: 'text',
      names: 'an origin such as https://app.example.org, or https://*.example.org',
    }),
    default: [],
    example: ['https://app.example.org', 'https://*.example.net'],
    value: '<origin,…>',
    help: 'Origins whose web pages may subscribe and publish. `*` in front stands for one name or more.',
  },
  'cors.credentials': {
    kind: flag,
    default: false,
    example: true,
    help: 'Let pages of these origins send cookies.',
  },
}
