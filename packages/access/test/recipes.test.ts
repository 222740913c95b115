// Tokens as well-known services make them: their header, their claims, and the options that take them.
//
// The shapes are those of the services' documentation. The keys are of this test, because those of the
// services are secret.

import { createHmac, generateKeyPairSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { Grant } from '@tidemark/server'
import { EncryptJWT, SignJWT } from 'jose'
import type { JWTHeaderParameters, JWTPayload } from 'jose'
import { expect, onTestFinished, test } from 'vitest'
import { createAccess, mintToken } from '../src/index.ts'
import type { Access, AccessOptions, TokenIssuer } from '../src/index.ts'
import { KeyServer } from './support/key-server.ts'
import { requestWith } from './support/request-with.ts'

interface Service {
  readonly url: string
  sign(claims: JWTPayload): Promise<string>
}

interface ServiceOptions {
  readonly alg: string
  readonly kid: string
  readonly head?: Omit<JWTHeaderParameters, 'alg'>
  /** Members of the published key beside the key itself. */
  readonly published: Readonly<Record<string, unknown>>
}

function makePair(alg: string): { publicKey: KeyObject; privateKey: KeyObject } {
  if (alg === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' })
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519')
  return generateKeyPairSync('rsa', { modulusLength: 2_048 })
}

/** A service with its set of keys on a real server, one of the last rotation among them. */
async function startService({ alg, kid, head, published }: ServiceOptions): Promise<Service> {
  const { publicKey, privateKey } = makePair(alg)
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid, ...published }
  const last = { ...makePair(alg).publicKey.export({ format: 'jwk' }), ...published, kid: 'last' }
  const { url } = await KeyServer.start(JSON.stringify({ keys: [last, jwk] }))
  const sign = (claims: JWTPayload): Promise<string> =>
    new SignJWT(claims)
      .setProtectedHeader({ alg, kid, ...head })
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey)
  return { url, sign }
}

async function open(tokens: TokenIssuer, more: AccessOptions = {}): Promise<Access> {
  const access = createAccess({ tokens: [tokens], ...more })
  onTestFinished(() => access.close())
  await access.ready
  return access
}

const grantOf = async (access: Access, bearer: string): Promise<Grant> =>
  (await access.check(requestWith({ bearer }))).grant

test('Supabase: ES256 keys, the role and the metadata of a user', async () => {
  const service = await startService({
    alg: 'ES256',
    kid: 'b81269f1-21d8-4f2e-b719-c2240a840d90',
    head: { typ: 'JWT' },
    published: { alg: 'ES256', use: 'sig', key_ops: ['verify'], ext: true },
  })
  const issuer = 'https://abcdefghijkl.supabase.co/auth/v1'
  const access = await open({
    issuer,
    audience: 'authenticated',
    jwksUrl: service.url,
    claimNames: { permissions: 'app_metadata.roles' },
    roles: { staff: ['sse:read'] },
  })
  const user = {
    iss: issuer,
    sub: '1f6b8b2e-3c1c-4c8e-9a3e-0f6c8f3f2b11',
    aud: 'authenticated',
    email: 'ada@example.org',
    phone: '',
    app_metadata: { provider: 'email', providers: ['email'], roles: ['staff'] },
    user_metadata: { roles: ['admin'] },
    role: 'authenticated',
    aal: 'aal1',
    amr: [{ method: 'password', timestamp: 1_700_000_000 }],
    session_id: '0b0a3a3e-5f6e-4d42-8f6e-7b7a4a0a9d10',
    is_anonymous: false,
  }
  expect(await grantOf(access, await service.sign(user))).toMatchObject({
    user: user.sub,
    subscribe: [`users/${user.sub}/**`],
    permissions: ['sse:read'],
  })
})

test('Supabase of old: a secret, and the anonymous key that every page holds is no user', async () => {
  const secret = 'super-secret-jwt-token-with-at-least-32-characters-long'
  const access = await open({ secret, audience: 'authenticated' })
  const anonKey = await new SignJWT({ iss: 'supabase', ref: 'abcdefghijkl', role: 'anon' })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt()
    .setExpirationTime('10y')
    .sign(new TextEncoder().encode(secret))
  await expect(grantOf(access, anonKey)).rejects.toMatchObject({
    code: 'TOKEN_INVALID',
    message: expect.stringMatching(/"authenticated"; got none/) as unknown,
  })
})

test('Auth0: RS256 keys with certificates, several audiences, permissions of an API, claims by URL', async () => {
  const service = await startService({
    alg: 'RS256',
    kid: 'NjVBRjY5MDlCMUIwNzU4RTA2QzZFMDQ4QzQ2MDAyQjVDNjk1RTM2Qg',
    head: { typ: 'at+jwt' },
    published: { alg: 'RS256', use: 'sig', x5t: 'NjVB', x5c: ['MIIC'] },
  })
  const issuer = 'https://example.eu.auth0.com/'
  const access = await open({
    issuer,
    audience: 'https://events.example.org',
    jwksUrl: service.url,
    algorithms: ['RS256'],
    claimNames: {
      permissions: ['permissions', 'scope', 'https://events.example.org/roles'],
      grant: 'https://events.example.org/tidemark',
    },
  })
  const claims = {
    iss: issuer,
    sub: 'auth0|5f7c8ec7c33c6c004bbafe82',
    aud: ['https://events.example.org', 'https://example.eu.auth0.com/userinfo'],
    azp: 'my_client_id',
    scope: 'openid profile',
    permissions: ['sse:read'],
    'https://events.example.org/roles': ['editor'],
    'https://events.example.org/tidemark': { subscribe: ['orders/*', 'users/{sub}/**'] },
  }
  expect(await grantOf(access, await service.sign(claims))).toMatchObject({
    user: 'auth0|5f7c8ec7c33c6c004bbafe82',
    subscribe: ['orders/*', 'users/auth0|5f7c8ec7c33c6c004bbafe82/**'],
    permissions: ['sse:read', 'openid', 'profile', 'editor'],
  })
  const withoutSlash = await service.sign({ ...claims, iss: issuer.slice(0, -1) })
  await expect(grantOf(access, withoutSlash)).rejects.toThrow(/last slash/)
  const idToken = await service.sign({ ...claims, aud: 'my_client_id' })
  await expect(grantOf(access, idToken)).rejects.toThrow(/another server/)
})

test('Clerk: RS256 keys, no audience, the session as a claim that revocations go by', async () => {
  const service = await startService({
    alg: 'RS256',
    kid: 'ins_2GIoQhbUpy0hX7B2cVkuTMinXoD',
    head: { typ: 'JWT', cat: 'cl_B7d4PD111AAA' },
    published: { alg: 'RS256', use: 'sig' },
  })
  const issuer = 'https://clean-mayfly-62.clerk.accounts.dev'
  const access = await open(
    {
      issuer,
      jwksUrl: service.url,
      claimNames: { permissions: ['o.per', 'o.rol'] },
      roles: { admin: ['admin'], manage: ['sse:read'] },
    },
    { sources: ['bearer', 'cookie'], cookieName: '__session', revocableClaims: ['sid'] },
  )
  const token = await service.sign({
    azp: 'http://localhost:3000',
    fva: [0, -1],
    iss: issuer,
    nbf: Math.floor(Date.now() / 1_000) - 10,
    o: { id: 'org_2', rol: 'admin', slg: 'example' },
    sid: 'sess_2GbDB4enNdCa5vS1zpC3Xzg9tK9',
    sts: 'active',
    sub: 'user_2GIpXOEpVyJw51rkZn9Kmnc6Sxr',
    v: 2,
  })
  const wanted = {
    user: 'user_2GIpXOEpVyJw51rkZn9Kmnc6Sxr',
    permissions: ['admin'],
    claims: { iss: issuer, sid: 'sess_2GbDB4enNdCa5vS1zpC3Xzg9tK9' },
  }
  expect(await grantOf(access, token)).toMatchObject(wanted)
  const cookie = requestWith({ cookie: `__client_uat=1; __session=${token}` })
  expect((await access.check(cookie)).grant).toMatchObject(wanted)
})

test('Auth.js: its own encrypted cookie is refused with the way out, and a signed one is taken', async () => {
  const secret = 'the AUTH_SECRET of an application, 33+ bytes'
  const name = '__Secure-authjs.session-token'
  const access = await open({ secret }, { sources: ['cookie'], cookieName: name })
  const claims = { name: 'Ada', email: 'ada@example.org', picture: null, sub: 'ada', jti: 'one' }
  const encrypted = await new EncryptJWT(claims)
    .setProtectedHeader({ alg: 'dir', enc: 'A256CBC-HS512', kid: 'x' })
    .setIssuedAt()
    .setExpirationTime('30d')
    .encrypt(createHmac('sha512', secret).digest())
  const ask = (token: string): Promise<Grant> =>
    access.check(requestWith({ cookie: `${name}=${token}` })).then(({ grant }) => grant)
  await expect(ask(encrypted)).rejects.toThrow(/Five parts are an encrypted one.*sign it only/)

  // `jwt: { encode: ({ token }) => signed(token) }` of its configuration.
  const signed = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuedAt()
    .setExpirationTime('30d')
    .sign(new TextEncoder().encode(secret))
  expect(await ask(signed)).toMatchObject({ user: 'ada', subscribe: ['users/ada/**'] })
})

test('an application that signs by itself needs mintToken and the same secret', async () => {
  const secret = 'a secret of at least 32 bytes, for tests'
  const access = await open({ secret, audience: 'events' })
  const token = await mintToken({ secret, sub: 'ada', audience: 'events', ttlMs: 900_000 })
  expect((await grantOf(access, token)).user).toBe('ada')
})
