// Explanations: each one says what the decision says, because the same code makes both.

import { generateKeyPairSync } from 'node:crypto'
import { createPermit, plainRequest } from '@tidemark/server/hub'
import type { Action, RequestFacts } from '@tidemark/server'
import { createFakeClock } from '@tidemark/testkit'
import fc from 'fast-check'
import { SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { createAccess } from '../src/index.ts'
import type { AccessOptions, CheckName, Explanation, Wishes } from '../src/index.ts'

const now = 1_800_000_000_000
const nowSeconds = now / 1_000
const secrets = [
  'first secret of thirty-two bytes or more',
  'other secret of thirty-two bytes or more',
]
const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const stranger = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const publicKey = pair.publicKey.export({ type: 'spki', format: 'pem' }) as string

interface TokenPlan {
  readonly alg: 'ES256' | 'HS256' | 'HS384' | 'none'
  readonly key: 'first' | 'other'
  readonly iss: string | undefined
  readonly aud: string | readonly string[] | undefined
  readonly sub: string | undefined
  readonly expIn: number | undefined
  readonly nbfIn: number | undefined
  readonly tidemark: unknown
  readonly damage: 'cut' | 'none' | 'padding' | 'size'
}

async function sign(plan: TokenPlan): Promise<string> {
  const { alg, key, expIn, nbfIn } = plan
  const claims = Object.fromEntries(
    Object.entries({
      iss: plan.iss,
      aud: plan.aud,
      sub: plan.sub,
      iat: nowSeconds - 60,
      exp: expIn === undefined ? undefined : nowSeconds + expIn,
      nbf: nbfIn === undefined ? undefined : nowSeconds + nbfIn,
      tidemark: plan.tidemark,
      ...(plan.damage === 'size' ? { filler: 'x'.repeat(9_000) } : {}),
    }).filter(([, value]) => value !== undefined),
  )
  const encode = (value: unknown): string =>
    Buffer.from(JSON.stringify(value)).toString('base64url')
  const token =
    alg === 'none'
      ? `${encode({ alg })}.${encode(claims)}.`
      : await new SignJWT(claims).setProtectedHeader({ alg }).sign(signingKey(alg, key))
  if (plan.damage === 'cut') return token.slice(0, -5)
  return plan.damage === 'padding' ? `${token}=` : token
}

function signingKey(alg: string, key: 'first' | 'other'): Parameters<SignJWT['sign']>[0] {
  if (alg === 'ES256') return key === 'first' ? pair.privateKey : stranger.privateKey
  return new TextEncoder().encode(secrets[key === 'first' ? 0 : 1])
}

const plans: fc.Arbitrary<TokenPlan> = fc.record({
  alg: fc.constantFrom('HS256', 'HS256', 'ES256', 'HS384', 'none'),
  key: fc.constantFrom('first', 'first', 'first', 'other'),
  iss: fc.constantFrom(undefined, 'a', 'a', 'b', 'constructor'),
  aud: fc.constantFrom(undefined, 'hub', 'hub', ['x', 'hub'], 'x', []),
  sub: fc.constantFrom('ada', 'ada', undefined, '', '*', 'a/b', 'x'.repeat(300)),
  expIn: fc.constantFrom(3_600, 3_600, undefined, -3_600, 0, 1e300),
  nbfIn: fc.constantFrom(undefined, undefined, -60, 3_600),
  tidemark: fc.constantFrom<unknown>(
    undefined,
    {},
    null,
    'all',
    { subscribe: ['orders/*'], publish: ['chat/1'], permissions: ['admin'] },
    { subscribe: ['**'] },
    { subscribe: ['users/{sub}/**'] },
    { subscribe: ['bad//topic'] },
    { subscribe: 'orders/*' },
    { subscribe: [7] },
    { permissions: ['x'.repeat(200)] },
    { unknown: [] },
  ),
  damage: fc.constantFrom('none', 'none', 'none', 'none', 'cut', 'padding', 'size'),
})

const configs: fc.Arbitrary<AccessOptions> = fc.record({
  tokens: fc.constantFrom(
    [{ secret: secrets[0] }],
    [{ secret: secrets[0], issuer: 'a', audience: 'hub' }],
    [{ publicKey }],
    [
      { secret: secrets[0], issuer: 'a' },
      { publicKey, issuer: 'b', audience: 'hub' },
    ],
  ),
  anonymous: fc.constantFrom(undefined, { subscribe: ['public/**'] }),
  sources: fc.constantFrom(undefined, ['bearer'] as const, ['query', 'cookie'] as const),
})

const places = fc.constantFrom('header', 'header', 'header', 'query', 'cookie', 'two', 'nowhere')

function requestOf(token: string, place: string): RequestFacts {
  const headers: Readonly<Record<string, string>> = {
    ...(place === 'header' || place === 'two' ? { authorization: `Bearer ${token}` } : {}),
    ...(place === 'cookie' ? { cookie: `tidemark=${token}` } : {}),
  }
  const query = place === 'query' || place === 'two' ? `?token=${encodeURIComponent(token)}` : ''
  return {
    method: 'GET',
    url: `/events${query}`,
    address: '192.0.2.1',
    header: (name) => headers[name.toLowerCase()],
  }
}

const topics = ['orders/42', 'users/ada/inbox', 'public/a', 'chat/1', '$hub/state/x']
const wishes: Wishes = {
  subscribe: [...topics, 'orders/*', 'orders/**', '**'],
  publish: topics,
  read: topics,
  permissions: ['admin', 'sse:read'],
}

/** The order of the checks; those of wishes come after all others. */
const order: readonly CheckName[] = [
  'credential',
  'size',
  'form',
  'issuer',
  'algorithm',
  'key',
  'signature',
  'times',
  'audience',
  'revoked',
  'grant',
  'subscribe',
  'publish',
  'read',
  'permission',
]

test('explain and authorize cannot disagree, whatever the token, the configuration and the wish', async () => {
  let allowed = 0
  const seen = new Set<string>()
  await fc.assert(
    fc.asyncProperty(plans, configs, places, async (plan, config, place) => {
      const clock = createFakeClock(now)
      const access = createAccess({ ...config, clock })
      try {
        const facts = requestOf(await sign(plan), place)
        const explanation = await access.explain(facts, wishes)
        const permit = createPermit(access.authorize, { clock, onError: () => undefined })
        const ask = (action: Action, topic: string): Promise<unknown> | undefined =>
          action === 'admin'
            ? permit?.requirePermission(facts, topic)
            : permit?.ask(plainRequest(facts, action, [topic]))
        const decisions = await Promise.all(
          listWishes().map(async ([action, topic]) => {
            try {
              await ask(action, topic)
              return undefined
            } catch (error) {
              return (error as { readonly code: string }).code
            }
          }),
        )
        if (place !== 'nowhere' && decisions.includes(undefined)) allowed += 1
        for (const code of decisions) if (code !== undefined) seen.add(code)
        expect(codesOf(explanation)).toEqual(decisions)
        expect(explanation.isAllowed).toBe(decisions.every((code) => code === undefined))
        requireOrder(explanation)
      } finally {
        access.close()
      }
    }),
    { numRuns: 600 },
  )
  // The property is about something: both outcomes, and more than one refusal.
  expect(allowed).toBeGreaterThan(50)
  expect([...seen]).toEqual(expect.arrayContaining(['TOKEN_INVALID', 'TOPIC_FORBIDDEN']))
})

function listWishes(): readonly (readonly [Action, string])[] {
  return [
    ...(wishes.subscribe ?? []).map((topic) => ['subscribe', topic] as const),
    ...(wishes.publish ?? []).map((topic) => ['publish', topic] as const),
    ...(wishes.read ?? []).map((topic) => ['read', topic] as const),
    ...(wishes.permissions ?? []).map((name) => ['admin', name] as const),
  ]
}

/** The code for each wish: that of the request as a whole where it is refused as a whole. */
function codesOf({ checks }: Explanation): readonly (string | undefined)[] {
  const ofWishes = checks.filter(({ name }) => order.indexOf(name) >= order.indexOf('subscribe'))
  const refusal = checks.find((check) => !check.isPassed && !ofWishes.includes(check))
  if (refusal !== undefined) {
    expect(ofWishes).toEqual([])
    return listWishes().map(() => refusal.code)
  }
  return ofWishes.map(({ code }) => code)
}

function requireOrder({ checks }: Explanation): void {
  const places = checks.map(({ name }) => order.indexOf(name))
  expect(places).toEqual([...places].sort((a, b) => a - b))
  const ofRequest = checks.slice(0, -1).filter(({ name }) => order.indexOf(name) < 11)
  const isLast = checks.length === ofRequest.length + 1
  if (isLast) expect(ofRequest.every(({ isPassed }) => isPassed)).toBe(true)
  for (const { isPassed, detail, fix, code } of checks) {
    expect(detail).toMatch(/^[^\n\r]+$/)
    expect([typeof fix, typeof code]).toEqual(
      isPassed ? ['undefined', 'undefined'] : ['string', 'string'],
    )
  }
}
