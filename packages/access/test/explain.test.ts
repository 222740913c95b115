// Explanations: each one says what the decision says, because the same code makes both.

import { generateKeyPairSync } from 'node:crypto'
import { memoryLog } from '@tidemark/log'
import { createPermit, plainRequest } from '@tidemark/server/hub'
import type { Action, RequestFacts } from '@tidemark/server'
import { createFakeClock, expectedOutcomes, oddValues, tryOddValues } from '@tidemark/testkit'
import type { OddCase } from '@tidemark/testkit'
import fc from 'fast-check'
import { SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { createAccess, decodeToken, mintTopicToken } from '../src/index.ts'
import type { Access, AccessOptions, CheckName, Explanation, Wishes } from '../src/index.ts'

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
  'grant',
  'revoked',
  'topic-tokens',
  'origin',
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
  const ofRequest = checks
    .slice(0, -1)
    .filter(({ name }) => order.indexOf(name) < order.indexOf('subscribe'))
  const isLast = checks.length === ofRequest.length + 1
  if (isLast) expect(ofRequest.every(({ isPassed }) => isPassed)).toBe(true)
  for (const { isPassed, detail, fix, code } of checks) {
    expect(detail).toMatch(/^[^\n\r]+$/)
    expect([typeof fix, typeof code]).toEqual(
      isPassed ? ['undefined', 'undefined'] : ['string', 'string'],
    )
  }
}

const secret = secrets[0] ?? ''

async function explainToken(
  plan: Partial<TokenPlan>,
  options: AccessOptions = {},
  asked: Wishes = {},
): Promise<Explanation> {
  const access = createAccess({ tokens: [{ secret }], clock: createFakeClock(now), ...options })
  const token = await sign({ ...goodPlan, ...plan })
  try {
    return await access.explain(requestOf(token, 'header'), asked)
  } finally {
    access.close()
  }
}

const goodPlan: TokenPlan = {
  alg: 'HS256',
  key: 'first',
  iss: undefined,
  aud: undefined,
  sub: 'ada',
  expIn: 3_600,
  nbfIn: undefined,
  tidemark: { subscribe: ['orders/*'] },
  damage: 'none',
}

test('a good token passes every check, and the grant is told', async () => {
  const { isAllowed, checks, grant } = await explainToken({}, {}, { subscribe: ['orders/42'] })
  expect(isAllowed).toBe(true)
  const skipped = new Set(['revoked', 'topic-tokens', 'origin', 'publish', 'read', 'permission'])
  expect(checks.map(({ name }) => name)).toEqual(order.filter((name) => !skipped.has(name)))
  expect(grant).toMatchObject({ user: 'ada', subscribe: ['orders/*'], expiresAt: now + 3_600_000 })
})

test.each([
  [{ damage: 'size' }, {}, 'size', 'TOKEN_INVALID', /8192 characters/, /patterns/],
  [{ damage: 'cut' }, {}, 'signature', 'TOKEN_INVALID', /signature/, /key/],
  [{ alg: 'none' }, {}, 'algorithm', 'TOKEN_INVALID', /got "none"/, /Sign it/],
  [
    { alg: 'HS384' },
    { tokens: [{ secret, algorithms: ['HS256'] }] },
    'algorithm',
    'TOKEN_INVALID',
    /HS256; got "HS384"/,
    /Sign it/,
  ],
  [
    {},
    { tokens: [{ secret, issuer: 'a' }] },
    'issuer',
    'TOKEN_INVALID',
    /not known here; got none/,
    /issuer/,
  ],
  [{ key: 'other' }, {}, 'signature', 'TOKEN_INVALID', /does not fit/, /key/],
  [{ expIn: -60 }, {}, 'times', 'TOKEN_EXPIRED', /ended 60 s ago/, /new one/],
  [{ expIn: undefined }, {}, 'times', 'TOKEN_INVALID', /no end/, /that end/],
  [{ nbfIn: 60 }, {}, 'times', 'TOKEN_INVALID', /begins in 60 s/, /clocks/],
  [
    { aud: 'x' },
    { tokens: [{ secret, audience: 'hub' }] },
    'audience',
    'TOKEN_INVALID',
    /"hub"; got "x"/,
    /for this server/,
  ],
  [{ tidemark: { all: true } }, {}, 'grant', 'TOKEN_INVALID', /got "all"/, /Leave it out/],
] satisfies readonly [Partial<TokenPlan>, AccessOptions, CheckName, string, RegExp, RegExp][])(
  'the check that refuses is the last one told, with its reason and its fix: %j',
  async (...row) => {
    const [plan, options, name, code, detail, fix] = row
    const { isAllowed, checks, grant } = await explainToken(plan, options, { subscribe: ['a'] })
    expect({ isAllowed, grant }).toEqual({ isAllowed: false, grant: undefined })
    expect(checks.at(-1)).toMatchObject({ name, code, isPassed: false })
    expect(checks.at(-1)?.detail).toMatch(detail)
    expect(checks.at(-1)?.fix).toMatch(fix)
  },
)

test('each wish is judged by itself, and its fix says what a token would have to say', async () => {
  const { checks } = await explainToken(
    {},
    {},
    {
      subscribe: ['orders/**', 'a//b'],
      publish: ['orders/1'],
      read: ['x'],
      permissions: ['admin'],
    },
  )
  const wished = checks.slice(-5)
  expect(wished.map(({ name, code, fix }) => [name, code, fix?.split('. ').at(-1)])).toEqual([
    [
      'subscribe',
      'TOPIC_FORBIDDEN',
      'A token gives it with {"subscribe":["orders/**"]} in its grant.',
    ],
    [
      'subscribe',
      'TOPIC_INVALID',
      'Name a topic such as orders/42, or a pattern such as orders/*.',
    ],
    ['publish', 'TOPIC_FORBIDDEN', 'A token gives it with {"publish":["orders/1"]} in its grant.'],
    ['read', 'TOPIC_FORBIDDEN', 'A token gives it with {"subscribe":["x"]} in its grant.'],
    [
      'permission',
      'PERMISSION_MISSING',
      'A token gives it with {"permissions":["admin"]} in its grant.',
    ],
  ])
})

test('keys that cannot be fetched are told as such, and not as a bad token', async () => {
  const fetch = (): Promise<never> => Promise.reject(new Error('refused'))
  const tokens = [{ issuer: 'a', jwksUrl: 'https://login.example.org/jwks.json' }]
  const { checks } = await explainToken({ iss: 'a', alg: 'ES256' }, { tokens, fetch })
  expect(checks.at(-1)).toMatchObject({ name: 'key', code: 'ACCESS_UNAVAILABLE' })
})

test('no explanation repeats a secret, a signature or a token', async () => {
  const texts: string[] = []
  const token = await sign(goodPlan)
  for (const damaged of [token, token.slice(0, -4), `${token}.x`, `x${token}`, token.repeat(40)]) {
    const access = createAccess({ tokens: [{ secret }], clock: createFakeClock(now) })
    for (const place of ['header', 'query', 'cookie'])
      texts.push(JSON.stringify(await access.explain(requestOf(damaged, place), wishes)))
    access.close()
  }
  const said = texts.join('\n')
  for (const part of [secret, ...token.split('.')]) expect(said).not.toContain(part.slice(0, 20))
})

const access = createAccess({ tokens: [{ secret }] })
const visitor = requestOf('', 'nowhere')
const option = 'ACCESS_OPTION_INVALID'
const objects = ['an object', 'an object without a prototype', 'an array']
const things = [...objects, 'an array of symbols', 'a date', 'a text object']
const cases: Readonly<Record<string, OddCase>> = {
  'explain: wishes': {
    call: (value) => access.explain(visitor, value as never),
    code: option,
    takes: things,
  },
  ...Object.fromEntries(
    (['subscribe', 'publish', 'read', 'permissions'] as const).map((name) => [
      `explain: ${name}`,
      {
        call: (value: unknown) => access.explain(visitor, { [name]: value as never }),
        code: option,
        takes: ['an array'],
      },
    ]),
  ),
  'explain: a name': {
    call: (value) => access.explain(visitor, { subscribe: [value as never] }),
    code: option,
  },
  requestWith: {
    call: (value) => access.requestWith(value as never),
    code: option,
    takes: ['empty text'],
  },
  decodeToken: {
    call: (value) => decodeToken(value as never),
    code: '',
    takes: Object.keys(oddValues),
  },
}

test.each(Object.entries(cases))('an odd value for %s is refused with its code', async (_, odd) => {
  expect(await tryOddValues(odd, 'AccessError')).toEqual(expectedOutcomes(odd))
})

test('a question with more names than a screen shows is refused', async () => {
  const many = Array.from({ length: 101 }, (_, i) => `a/${i}`)
  await expect(access.explain(visitor, { subscribe: many })).rejects.toMatchObject({ code: option })
})

/** The code of `authorize` and that of the explanation, for one wish. */
async function compare(
  own: Access,
  facts: RequestFacts,
  [action, topic]: readonly [Action, string],
): Promise<readonly (string | undefined)[]> {
  const member = action === 'admin' ? 'permissions' : action
  const { checks } = await own.explain(facts, { [member]: [topic] })
  const permit = createPermit(own.authorize, {
    clock: createFakeClock(now),
    onError: () => undefined,
  })
  const asked =
    action === 'admin'
      ? permit?.requirePermission(facts, topic)
      : permit?.ask(plainRequest(facts, action, [topic]))
  const decided = await Promise.resolve(asked).then(
    () => undefined,
    (error: { readonly code: string }) => error.code,
  )
  return [decided, checks.find(({ isPassed }) => !isPassed)?.code]
}

test('a token alone is explained where tokens are looked for first', async () => {
  const token = await sign(goodPlan)
  const clock = createFakeClock(now)
  for (const options of [
    {},
    { sources: ['cookie'] },
    { sources: ['cookie'], cookieName: 'own' },
    { sources: ['cookie'], log: memoryLog({ clock }), cookie: {} },
    { sources: ['query', 'bearer'] },
  ] satisfies readonly AccessOptions[]) {
    const own = createAccess({ tokens: [{ secret }], clock, ...options })
    expect(await own.explain(own.requestWith(token))).toMatchObject({ isAllowed: true })
    expect(await own.explain(own.requestWith('a&b; c=d'))).toMatchObject({ isAllowed: false })
    own.close()
  }
})

test('topic tokens are explained as they are decided: what they add, and why one is refused', async () => {
  const clock = createFakeClock(now)
  const own = createAccess({ tokens: [{ secret }], clock })
  const bearer = requestOf(await sign(goodPlan), 'header')
  const adds = (sub: string, ttlMs = 60_000): Promise<string> =>
    mintTopicToken({ secret, sub, subscribe: ['invoices/7'], ttlMs, clock })
  const withTokens = (...topicTokens: readonly string[]): RequestFacts => ({
    ...bearer,
    topicTokens,
  })
  const wish = ['subscribe', 'invoices/7'] as const
  const mine = withTokens(await adds('ada'))
  expect(await compare(own, mine, wish)).toEqual([undefined, undefined])
  expect(await compare(own, bearer, wish)).toEqual(['TOPIC_FORBIDDEN', 'TOPIC_FORBIDDEN'])
  const hers = withTokens(await adds('grace'))
  expect(await compare(own, hers, wish)).toEqual(['TOPIC_TOKEN_INVALID', 'TOPIC_TOKEN_INVALID'])
  const { checks } = await own.explain(hers)
  expect(checks.at(-1)).toMatchObject({ name: 'topic-tokens', isPassed: false })
  own.close()
})

test('what all nodes share is explained as it is decided: revocations, cookies and their origin, tickets', async () => {
  const clock = createFakeClock(now)
  const own = createAccess({ tokens: [{ secret }], clock, log: memoryLog({ clock }), cookie: {} })
  const token = await sign(goodPlan)
  const bearer = requestOf(token, 'header')
  const wish = ['subscribe', 'orders/42'] as const
  try {
    const cookie = `tidemark=${token}`
    for (const [headers, code] of [
      [{ cookie, host: 'localhost', origin: 'http://localhost' }, undefined],
      [{ cookie, host: 'localhost', origin: 'https://evil.example' }, 'CROSS_SITE'],
    ] as const) {
      const facts = withHeaders('/events', headers)
      expect(await compare(own, facts, wish)).toEqual([code, code])
    }
    const { ticket } = await own.issueTicket(bearer)
    const stream = withHeaders(`/events?topic=orders/42&ticket=${ticket}`, { 'user-agent': 'a' })
    const other = withHeaders(`/events?topic=orders/42&ticket=${ticket}`, { 'user-agent': 'b' })
    // Explaining does not use the ticket.
    expect((await own.explain(stream, { subscribe: ['orders/42'] })).isAllowed).toBe(true)
    expect((await own.explain(other, { subscribe: ['orders/42'] })).isAllowed).toBe(true)
    for (const refused of [
      ['publish', 'orders/42'],
      ['admin', 'admin'],
    ] as const) {
      expect(await compare(own, stream, refused)).toEqual(['TICKET_INVALID', 'TICKET_INVALID'])
    }
    expect(await compare(own, stream, wish)).toEqual([undefined, undefined])
    expect(await compare(own, other, wish)).toEqual(['TICKET_INVALID', 'TICKET_INVALID'])
    await own.revoke({ user: 'ada' })
    expect(await compare(own, bearer, wish)).toEqual(['TOKEN_EXPIRED', 'TOKEN_EXPIRED'])
    const { checks } = await own.explain(bearer)
    expect(checks.at(-1)).toMatchObject({ name: 'revoked', isPassed: false })
    requireOrder({ isAllowed: false, checks })
  } finally {
    own.close()
  }
})

function withHeaders(url: string, headers: Readonly<Record<string, string>>): RequestFacts {
  return {
    method: 'GET',
    url,
    address: '127.0.0.1',
    header: (name) => headers[name.toLowerCase()],
  }
}
