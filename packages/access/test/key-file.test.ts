// Keys in a file: a new file is read, and a damaged one leaves the keys as they are.

import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { createAccess } from '../src/index.ts'
import type { Access } from '../src/index.ts'
import { keyFileLookMs, keySetBytesMax } from '../src/limits.ts'
import { keySet, makeKey } from './support/key-server.ts'
import type { NamedKey } from './support/key-server.ts'
import { requestWith } from './support/request-with.ts'
import { signToken } from './support/sign-token.ts'

const now = 1_800_000_000_000

interface World {
  readonly access: Access
  readonly clock: FakeClock
  /** Puts a file into the place of the other, as careful tools do. */
  write(text: string): void
}

function createWorld(text: string): World {
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-keys-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const jwksFile = join(directory, 'jwks.json')
  writeFileSync(jwksFile, text)
  const clock = createFakeClock(now)
  const access = createAccess({ tokens: [{ jwksFile }], clock })
  onTestFinished(() => access.close())
  return {
    access,
    clock,
    write(next) {
      writeFileSync(`${jwksFile}.new`, next)
      renameSync(`${jwksFile}.new`, jwksFile)
      clock.advance(keyFileLookMs)
    },
  }
}

async function check({ access }: World, key: NamedKey, kid?: string): Promise<unknown> {
  const head = { kid: kid ?? key.kid }
  const token = signToken({ sub: 'ada', exp: now / 1_000 + 60 }, { head, key: key.privateKey })
  try {
    return (await access.check(requestWith({ bearer: token }))).grant.user
  } catch (error) {
    return (error as { code: string }).code
  }
}

test('a new file takes the place of the old one, without a restart', async () => {
  const [first, second] = [makeKey('1'), makeKey('2')]
  const world = createWorld(keySet(first))
  await world.access.ready
  expect(await check(world, first)).toBe('ada')
  world.write(keySet(second))
  expect(await check(world, second)).toBe('ada')
  expect(await check(world, first)).toBe('TOKEN_INVALID')
})

test('a file that is damaged, or being written, leaves the keys, and the operator is told', async () => {
  const key = makeKey('1')
  const world = createWorld(keySet(key))
  await world.access.ready
  world.write(keySet(key).slice(0, 40))
  expect(await check(world, key)).toBe('ada')
  expect(world.access.warnings).toEqual([expect.stringMatching(/cannot be used\. It is not JSON/)])
  world.write(keySet(key))
  expect(await check(world, key)).toBe('ada')
  expect(world.access.warnings).toEqual([])
})

test.each([
  ['is no JSON', 'TOKEN=hunter2', /It is not JSON/],
  ['holds no key', '{"keys":[]}', /no public key/],
  ['is too large', ' '.repeat(keySetBytesMax + 1), /It has \d+ bytes; \d+ at most/],
])('a file that %s stops the start, without a part of it in the message', async (...row) => {
  const [, text, message] = row
  const { access } = createWorld(text)
  const error: unknown = await access.ready.catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'ACCESS_OPTION_INVALID' })
  expect(String(error)).toMatch(message)
  expect(String(error)).toContain('jwksFile')
  expect(String(error)).not.toContain('hunter2')
})

test('a file that is not there stops the start, and no token is judged before it is', async () => {
  const access = createAccess({ tokens: [{ jwksFile: '/nowhere/jwks.json' }] })
  await expect(access.ready).rejects.toThrow(/ENOENT.*jwksFile/)
  const token = signToken({ sub: 'ada', exp: 4_000_000_000 }, { key: makeKey('1').privateKey })
  await expect(access.check(requestWith({ bearer: token }))).rejects.toMatchObject({
    code: 'ACCESS_UNAVAILABLE',
  })
})

test('a private key in the file checks tokens, and one for encryption does not', async () => {
  const key = makeKey('1')
  const secret = key.privateKey.export({ format: 'jwk' })
  const world = createWorld(
    JSON.stringify({
      keys: [
        { ...secret, kid: '1' },
        { ...key.jwk, kid: 'enc', use: 'enc' },
        { ...key.jwk, kid: 'sign', key_ops: ['sign'] },
        { ...key.jwk, kid: 'other', alg: 'ES256' },
        'no key',
        { kty: 'OKP', crv: 'Ed448', x: 'AA', kid: 'odd' },
      ],
    }),
  )
  await world.access.ready
  expect(await check(world, key)).toBe('ada')
  for (const kid of ['enc', 'sign', 'other', 'odd'])
    expect(await check(world, key, kid)).toBe('TOKEN_INVALID')
})

test('a token without a name of its key is tried with a few keys, and not with all that a set may have', async () => {
  const keys = Array.from({ length: 5 }, (_, i) => makeKey(`${i}`))
  const world = createWorld(keySet(...keys.slice(0, 4)))
  await world.access.ready
  const token = signToken(
    { sub: 'ada', exp: now / 1_000 + 60 },
    keys[3] === undefined ? {} : { key: keys[3].privateKey },
  )
  const request = requestWith({ bearer: token })
  expect((await world.access.check(request)).grant.user).toBe('ada')
  world.write(keySet(...keys))
  await expect(world.access.check(request)).rejects.toThrow(/5 keys.*\(kid\)/)
})
