// Keys at a URL: a rotation is followed, an outage is outlived, and nobody can make the hub ask more.

import type { AddressInfo } from 'node:net'
import { createServer as createTlsServer } from 'node:https'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFakeClock, makeCertificate, waitUntil } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createAccess } from '../src/index.ts'
import type { Access, TokenIssuer } from '../src/index.ts'
import {
  keySetBytesMax,
  keySetKeysMax,
  keyUrlFreshMs,
  keyUrlMsMax,
  keyUrlPauseMs,
  keyWaitersMax,
} from '../src/limits.ts'
import { KeyServer, keySet, makeKey } from './support/key-server.ts'
import type { NamedKey } from './support/key-server.ts'
import { requestWith } from './support/request-with.ts'
import { signToken } from './support/sign-token.ts'

const now = 1_800_000_000_000

interface World {
  readonly access: Access
  readonly clock: FakeClock
}

function createWorld(jwksUrl: string, more: Partial<TokenIssuer> = {}): World {
  const clock = createFakeClock(now)
  const access = createAccess({ tokens: [{ jwksUrl, ...more }], clock })
  onTestFinished(() => access.close())
  return { access, clock }
}

/** A token of a key, made at a time. */
function tokenOf({ kid, privateKey }: NamedKey, issuedAt: number = now - 3_600_000): string {
  const iat = Math.floor(issuedAt / 1_000)
  const claims = { sub: 'ada', iat, exp: now / 1_000 + 86_400 }
  return signToken(claims, { head: { kid }, key: privateKey })
}

const check = ({ access }: World, token: string): Promise<unknown> =>
  access.check(requestWith({ bearer: token })).then(
    ({ grant }) => grant.user,
    (error: unknown) => (error as { code: string }).code,
  )

test('a new key of the issuer is taken without a restart, and a withdrawn one no longer', async () => {
  const [first, second] = [makeKey('1'), makeKey('2')]
  const server = await KeyServer.start(keySet(first))
  const world = createWorld(server.url)
  await world.access.ready
  expect(await check(world, tokenOf(first))).toBe('ada')
  expect(server.requests).toBe(1)

  server.answer = keySet(second)
  world.clock.advance(keyUrlPauseMs)
  expect(await check(world, tokenOf(second))).toBe('ada')
  expect(await check(world, tokenOf(first))).toBe('TOKEN_INVALID')
  expect(server.requests).toBe(2)
})

test('keys are fetched anew from time to time, so that a withdrawn key does not serve for ever', async () => {
  const [first, second] = [makeKey('1'), makeKey('2')]
  const server = await KeyServer.start(keySet(first, second))
  const world = createWorld(server.url)
  await world.access.ready
  server.answer = keySet(second)
  expect(await check(world, tokenOf(first))).toBe('ada')
  world.clock.advance(keyUrlFreshMs)
  await waitUntil('the second fetch', () => server.requests === 2)
  await vi.waitFor(async () => expect(await check(world, tokenOf(first))).toBe('TOKEN_INVALID'))
})

test('a flood of unknown keys asks the issuer once in half a minute, and all of it once at a time', async () => {
  const [known, other] = [makeKey('1'), makeKey('other')]
  const server = await KeyServer.start(keySet(known))
  const world = createWorld(server.url)
  await world.access.ready
  const flood = (): Promise<readonly unknown[]> =>
    Promise.all(
      Array.from({ length: 500 }, (_, i) => check(world, tokenOf({ ...other, kid: `${i}` }))),
    )
  expect(new Set(await flood())).toEqual(new Set(['TOKEN_INVALID']))
  expect(server.requests).toBe(1)
  world.clock.advance(keyUrlPauseMs)
  expect(new Set(await flood())).toEqual(new Set(['TOKEN_INVALID']))
  expect(server.requests).toBe(2)
  expect(await check(world, tokenOf(known))).toBe('ada')
})

test('a token that is newer than the keys is refused for the moment, not for good, while nobody may ask', async () => {
  const [known, fresh] = [makeKey('1'), makeKey('fresh')]
  const server = await KeyServer.start(keySet(known))
  const world = createWorld(server.url)
  await world.access.ready
  world.clock.advance(2_000)
  server.answer = keySet(known, fresh)
  const token = tokenOf(fresh, now + 1_000)
  expect(await check(world, token)).toBe('ACCESS_UNAVAILABLE')
  expect(server.requests).toBe(1)
  world.clock.advance(keyUrlPauseMs)
  expect(await check(world, token)).toBe('ada')
})

test('a forged token that names an unknown key and says it is of next year is refused for good', async () => {
  const [known, forged] = [makeKey('1'), makeKey('forged')]
  const server = await KeyServer.start(keySet(known))
  const world = createWorld(server.url)
  await world.access.ready
  world.clock.advance(2_000)
  expect(await check(world, tokenOf(forged, now + 365 * 86_400_000))).toBe('TOKEN_INVALID')
  world.clock.advance(keyUrlPauseMs)
  expect(await check(world, tokenOf(forged, now + 365 * 86_400_000))).toBe('TOKEN_INVALID')
})

test('a name that the issuer was asked for and does not have is refused for good, however new its tokens', async () => {
  const [known, forged, fresh] = [makeKey('1'), makeKey('forged'), makeKey('fresh')]
  const server = await KeyServer.start(keySet(known))
  const world = createWorld(server.url)
  await world.access.ready
  world.clock.advance(2_000)
  const tokenAfter = (key: NamedKey, ms: number): string => tokenOf(key, world.clock.now() + ms)
  expect(await check(world, tokenAfter(forged, 0))).toBe('ACCESS_UNAVAILABLE')
  for (let round = 0; round < 3; round++) {
    world.clock.advance(keyUrlPauseMs)
    expect(await check(world, tokenAfter(forged, 3_000))).toBe('TOKEN_INVALID')
    world.clock.advance(2_000)
    expect(await check(world, tokenAfter(forged, 0))).toBe('TOKEN_INVALID')
  }
  // Beside it a key that is really new has its chance.
  expect(await check(world, tokenAfter(fresh, 0))).toBe('ACCESS_UNAVAILABLE')
})

test('of a flood of made-up names no more may be new than an issuer has keys', async () => {
  const [known, forged] = [makeKey('1'), makeKey('forged')]
  const server = await KeyServer.start(keySet(known))
  const world = createWorld(server.url)
  await world.access.ready
  world.clock.advance(2_000)
  const outcomes = await Promise.all(
    Array.from({ length: keySetKeysMax + 400 }, (_, i) =>
      check(world, tokenOf({ ...forged, kid: `x${i}` }, now + 1_000)),
    ),
  )
  const passing = outcomes.filter((outcome) => outcome === 'ACCESS_UNAVAILABLE')
  expect(passing).toHaveLength(keySetKeysMax)
  expect(outcomes.filter((outcome) => outcome === 'TOKEN_INVALID')).toHaveLength(400)
  expect(server.requests).toBe(1)
})

test('the operator gets one line when an issuer cannot be reached, and one when it is back', async () => {
  const known = makeKey('1')
  const server = await KeyServer.start(keySet(known))
  const clock = createFakeClock(now)
  const lines: string[] = []
  const onLine = (line: string): void => {
    lines.push(line)
    throw new Error('The log of the application fails.')
  }
  const access = createAccess({ tokens: [{ jwksUrl: server.url }], clock, onLine })
  onTestFinished(() => access.close())
  await access.ready
  const other = tokenOf(makeKey('other'))
  const fetchAnew = async (answer: KeyServer['answer']): Promise<void> => {
    server.answer = answer
    clock.advance(keyUrlPauseMs)
    await check({ access, clock }, other)
  }
  const fail: KeyServer['answer'] = (_, response) => void response.writeHead(503).end()
  await fetchAnew(keySet(known))
  expect(lines).toEqual([])
  await fetchAnew(fail)
  await fetchAnew((_, response) => void response.writeHead(500).end())
  expect(lines).toEqual([expect.stringMatching(/^The keys at "http.*" cannot be read\. .* 503/)])
  await fetchAnew(keySet(known))
  await fetchAnew(keySet(known))
  expect(lines.slice(1)).toEqual([
    expect.stringMatching(/^The keys at "http.*" can be read again\.$/),
  ])
  await fetchAnew(fail)
  expect(lines).toHaveLength(3)
  expect(server.requests).toBe(7)
})

test('keys that are known serve on while the issuer is down, and the operator is told until it is back', async () => {
  const [known, other] = [makeKey('1'), makeKey('other')]
  const server = await KeyServer.start(keySet(known))
  const world = createWorld(server.url)
  await world.access.ready
  expect(world.access.warnings).toEqual([])

  server.answer = (_, response) => void response.writeHead(503).end()
  world.clock.advance(keyUrlPauseMs)
  expect(await check(world, tokenOf(other))).toBe('ACCESS_UNAVAILABLE')
  expect(await check(world, tokenOf(known))).toBe('ada')
  expect(world.access.warnings).toEqual([
    expect.stringMatching(/^The keys at "http:\/\/127.*" cannot be read\. .*status 503; 200/),
  ])

  server.answer = keySet(known)
  world.clock.advance(keyUrlPauseMs)
  await waitUntil('no warning', () => world.access.warnings.length === 0)
})

test('an issuer that withdraws all of its keys is believed', async () => {
  const known = makeKey('1')
  const server = await KeyServer.start(keySet(known))
  const world = createWorld(server.url)
  await world.access.ready
  server.answer = '{"keys":[]}'
  world.clock.advance(keyUrlFreshMs)
  await waitUntil('a warning', () => world.access.warnings.length === 1)
  expect(await check(world, tokenOf(known))).toBe('ACCESS_UNAVAILABLE')
})

/** Servers that must not be believed, and what the operator reads. */
const badServers: readonly (readonly [string, KeyServer['answer'], RegExp])[] = [
  [
    'sends on to another place',
    (_, response) => void response.writeHead(302, { Location: 'http://127.0.0.1:1/' }).end(),
    /status 302; 200 is wanted\. A redirect is not followed/,
  ],
  ['is a web page', '<!doctype html><title>Sign in</title>', /not JSON, but a web page/],
  ['has no list of keys', '{"jwks":[]}', /no list `keys`/],
  ['has none', '{"keys":[]}', /no public key that checks signatures/],
  [
    'publishes a secret',
    '{"keys":[{"kty":"oct","k":"c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA","alg":"HS256"}]}',
    /no public key that checks signatures/,
  ],
  [
    'has a key for encryption only',
    keySet(makeKey('1', { use: 'enc' })),
    /no public key that checks signatures/,
  ],
  [
    'never ends',
    (request, response) => {
      const more = (): void => {
        while (response.write('x'.repeat(65_536)));
        response.once('drain', more)
      }
      request.socket.on('error', () => undefined)
      more()
    },
    new RegExp(`more than ${keySetBytesMax} bytes`),
  ],
  [
    'has more keys than are read',
    keySet(...Array.from({ length: 101 }, (_, i) => ({ ...makeKey('1'), kid: `${i}` }))),
    /101 keys; 100 at most/,
  ],
]

test.each(badServers)(
  'an issuer that %s stops the start, with the option and the way out',
  async (_, answer, reason) => {
    const server = await KeyServer.start(answer)
    const { access } = createWorld(server.url)
    await expect(access.ready).rejects.toMatchObject({
      code: 'ACCESS_OPTION_INVALID',
      message: expect.stringMatching(reason) as unknown,
    })
    await expect(access.ready).rejects.toThrow(/Correct `jwksUrl`.*isNeededAtStart: false/)
  },
)

test('the keys of a redirect are not fetched, wherever it leads', async () => {
  const key = makeKey('1')
  const other = await KeyServer.start(keySet(key))
  const server = await KeyServer.start((_, response) => {
    response.writeHead(301, { Location: other.url }).end()
  })
  const { access } = createWorld(server.url)
  await expect(access.ready).rejects.toThrow(/redirect/)
  expect(other.requests).toBe(0)
})

test('an issuer that does not answer is given up, and no good client waits for it', async () => {
  const known = makeKey('1')
  const server = await KeyServer.start(keySet(known))
  const world = createWorld(server.url)
  await world.access.ready
  let isAsked = false
  server.answer = () => {
    isAsked = true
  }
  world.clock.advance(keyUrlPauseMs)
  const waiting = check(world, tokenOf(makeKey('other')))
  await waitUntil('the fetch', () => isAsked)
  expect(await check(world, tokenOf(known))).toBe('ada')
  world.clock.advance(keyUrlMsMax)
  expect(await waiting).toBe('ACCESS_UNAVAILABLE')
  expect(world.access.warnings).toEqual([expect.stringContaining(`within ${keyUrlMsMax} ms`)])
})

test('an issuer that sends its keys a letter at a time is given up', async () => {
  let isBegun = false
  const server = await KeyServer.start((_, response) => {
    response.write('{', () => {
      isBegun = true
    })
  })
  const { access, clock } = createWorld(server.url)
  await waitUntil('the first letter', () => isBegun)
  clock.advance(keyUrlMsMax)
  await expect(access.ready).rejects.toThrow(new RegExp(`within ${keyUrlMsMax} ms`))
})

test('a flood of unknown keys at a slow issuer waits in a number that is bounded', async () => {
  const [known, other] = [makeKey('1'), makeKey('other')]
  const server = await KeyServer.start(keySet(known))
  const world = createWorld(server.url)
  await world.access.ready
  let answer: (() => void) | undefined
  server.answer = (_, response) => {
    answer = () => void response.end(keySet(known))
  }
  world.clock.advance(keyUrlPauseMs)
  let refused = 0
  const flood = Array.from({ length: keyWaitersMax + 500 }, async (_, i) => {
    const outcome = await check(world, tokenOf({ ...other, kid: `x${i}` }))
    if (outcome === 'ACCESS_UNAVAILABLE') refused += 1
    return outcome
  })
  await waitUntil('those that may not wait', () => refused === 500 && answer !== undefined)
  expect(await check(world, tokenOf(known))).toBe('ada')
  answer?.()
  const outcomes = await Promise.all(flood)
  expect(outcomes.filter((outcome) => outcome === 'TOKEN_INVALID')).toHaveLength(keyWaitersMax)
})

test('without its issuer a hub starts if it is told to, and takes tokens once the issuer is back', async () => {
  const key = makeKey('1')
  const server = await KeyServer.start((_, response) => void response.writeHead(500).end())
  const world = createWorld(server.url, { isNeededAtStart: false })
  await world.access.ready
  expect(world.access.warnings).toHaveLength(1)
  expect(await check(world, tokenOf(key))).toBe('ACCESS_UNAVAILABLE')
  server.answer = keySet(key)
  world.clock.advance(keyUrlPauseMs)
  await waitUntil('no warning', () => world.access.warnings.length === 0)
  expect(await check(world, tokenOf(key))).toBe('ada')
})

test('an issuer that nobody listens for stops the start', async () => {
  const server = await KeyServer.start('')
  await server.stop()
  const { access } = createWorld(server.url)
  await expect(access.ready).rejects.toThrow(/ECONNREFUSED/)
})

test('an https issuer whose certificate nobody has signed is not believed', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-keys-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const files = await makeCertificate(directory)
  const certificate = { cert: readFileSync(files.cert), key: readFileSync(files.key) }
  const server = createTlsServer(certificate, (_, response) => void response.end('{}'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const { access } = createWorld(`https://127.0.0.1:${port}/jwks.json`)
  await expect(access.ready).rejects.toThrow(/certificate/)
})

test('the query of the URL, which may hold a key of the operator, is in no warning', async () => {
  const server = await KeyServer.start('')
  const { access } = createWorld(`${server.url}?apikey=hunter2`)
  const error: unknown = await access.ready.catch((thrown: unknown) => thrown)
  expect(String(error)).toContain('/jwks.json')
  expect(`${String(error)} ${access.warnings.join(' ')}`).not.toContain('hunter2')
})

test('closed, an access fetches nothing more and keeps no timer', async () => {
  const server = await KeyServer.start(keySet(makeKey('1')))
  const { access, clock } = createWorld(server.url)
  await access.ready
  access.close()
  clock.advance(2 * keyUrlFreshMs)
  expect(server.requests).toBe(1)
  expect(clock.pending).toBe(0)
})

test('closed while it fetches, an access sets no timer when the answer comes', async () => {
  let isAsked = false
  const server = await KeyServer.start(() => {
    isAsked = true
  })
  const { access, clock } = createWorld(server.url, { isNeededAtStart: false })
  await waitUntil('the fetch', () => isAsked)
  access.close()
  await access.ready
  expect(clock.pending).toBe(0)
})
