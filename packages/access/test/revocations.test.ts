import { memoryLog } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { expect, test, vi } from 'vitest'
import type { Revocation } from '../src/revocations/revocation.ts'
import { RevocationIndex } from '../src/revocations/revocation-index.ts'
import { openRevocations } from './support/access-node.ts'

const noon = Date.UTC(2026, 0, 1, 12)
const seconds = noon / 1000

test('a user who is revoked on one node is refused on another', async () => {
  const log = memoryLog()
  const here = openRevocations(log)
  const there = openRevocations(log)
  const token = { user: 'ada', claims: { iat: Date.now() / 1000 - 60 } }
  await there.requireValid(token)
  await here.revoke({ user: 'ada' })
  await expect.poll(() => there.ends({ id: 'n.1', ...token })).toBe(true)
  await expect(there.requireValid(token)).rejects.toMatchObject({
    code: 'TOKEN_EXPIRED',
    status: 401,
  })
  await there.requireValid({ ...token, user: 'bob' })
})

test('a user who signs in again after a revocation gets in', async () => {
  const clock = createFakeClock(noon)
  const revocations = openRevocations(memoryLog({ clock }), { clock })
  await revocations.revoke({ user: 'ada' })
  const signedInAt = (iat: number | undefined) =>
    revocations.requireValid({ user: 'ada', claims: iat === undefined ? {} : { iat } })
  await expect(signedInAt(seconds - 1)).rejects.toThrow('revoked')
  await signedInAt(seconds)
  await signedInAt(seconds + 1)
})

test('a token that does not say when it was issued is taken for an old one', async () => {
  const revocations = openRevocations(memoryLog())
  await revocations.revoke({ user: 'ada' })
  await expect(revocations.requireValid({ user: 'ada' })).rejects.toThrow('revoked')
})

test('a token issued in the second of the revocation, and before it, does not get through', async () => {
  const clock = createFakeClock(noon + 700)
  const revocations = openRevocations(memoryLog({ clock }), { clock })
  await revocations.revoke({ user: 'ada' })
  // Issued at noon + 300 ms; `iat` is cut off to whole seconds.
  const issued = { user: 'ada', claims: { iat: seconds } }
  await expect(revocations.requireValid(issued)).rejects.toThrow('revoked')
})

test.each<{ name: string; revocation: Revocation; claims: object; isRevoked: boolean }>([
  {
    name: 'by token id',
    revocation: { tokenId: 't1' },
    claims: { jti: 't1', iat: seconds + 99 },
    isRevoked: true,
  },
  {
    name: 'not by another token id',
    revocation: { tokenId: 't1' },
    claims: { jti: 't2' },
    isRevoked: false,
  },
  {
    name: 'by a claim',
    revocation: { claim: 'tenant', value: 'acme' },
    claims: { tenant: 'acme' },
    isRevoked: true,
  },
  {
    name: 'by a claim that is a number',
    revocation: { claim: 'tenant', value: '7' },
    claims: { tenant: 7 },
    isRevoked: true,
  },
  {
    name: 'not by another value',
    revocation: { claim: 'tenant', value: 'acme' },
    claims: { tenant: 'acme2' },
    isRevoked: false,
  },
  {
    name: 'of the issuer',
    revocation: { tokenId: 't1', issuer: 'https://a' },
    claims: { jti: 't1', iss: 'https://a' },
    isRevoked: true,
  },
  {
    name: 'not of another issuer',
    revocation: { tokenId: 't1', issuer: 'https://a' },
    claims: { jti: 't1', iss: 'b' },
    isRevoked: false,
  },
  {
    name: 'not a claim for a user',
    revocation: { user: 'ada' },
    claims: { sub: 'ada', $user: 'ada' },
    isRevoked: false,
  },
  {
    name: 'not a claim for a session',
    revocation: { session: 'n.1' },
    claims: { $session: 'n.1' },
    isRevoked: false,
  },
])('revoked $name', async ({ revocation, claims, isRevoked }) => {
  const clock = createFakeClock(noon)
  const revocations = openRevocations(memoryLog({ clock }), { clock })
  await revocations.revoke(revocation)
  expect(revocations.ends({ id: 'n.2', claims: { ...claims } })).toBe(isRevoked)
})

test('a revocation outlives a restart, and is forgotten when no token can be valid any more', async () => {
  const clock = createFakeClock(noon)
  const log = memoryLog({ clock })
  const before = openRevocations(log, { clock, tokenLifeMs: 60_000 })
  await before.revoke({ user: 'ada' })
  before.close()
  const after = openRevocations(log, { clock, tokenLifeMs: 60_000 })
  await expect(after.requireValid({ user: 'ada' })).rejects.toThrow('revoked')
  clock.advance(60_000)
  await expect(after.requireValid({ user: 'ada' })).rejects.toThrow('revoked')
  clock.advance(6 * 60_000)
  await after.requireValid({ user: 'ada' })
  expect(await after.list()).toEqual([])
})

test('a revocation of a user is kept for as long as the longest token that was seen', async () => {
  const clock = createFakeClock(noon)
  const log = memoryLog({ clock })
  const revocations = openRevocations(log, { clock, tokenLifeMs: 60_000 })
  revocations.noteLife({ claims: { iat: seconds }, expiresAt: noon + 3_600_000 })
  expect(revocations.warnings.lines).toEqual([expect.stringContaining('tokenLifeMs')])
  const { expiresAt } = await revocations.revoke({ user: 'ada' })
  expect(expiresAt).toBeGreaterThanOrEqual(noon + 3_600_000)
})

test('a later revocation takes the place of an earlier one, and never of a stronger one', async () => {
  const clock = createFakeClock(noon)
  const revocations = openRevocations(memoryLog({ clock }), { clock })
  await revocations.revoke({ user: 'ada' })
  clock.advance(1000)
  await revocations.revoke({ user: 'ada' })
  expect(await revocations.list()).toHaveLength(1)
  await revocations.revoke({ user: 'ada', issuedBefore: noon - 1000 })
  await expect(revocations.requireValid({ user: 'ada', claims: { iat: seconds } })).rejects.toThrow(
    'revoked',
  )
})

test('a revocation that is made again with a shorter life keeps the longer one', async () => {
  const clock = createFakeClock(noon)
  const revocations = openRevocations(memoryLog({ clock }), { clock })
  await revocations.revoke({ tokenId: 't1', expiresAt: noon + 100_000 })
  await revocations.revoke({ tokenId: 't1', expiresAt: noon + 1000 })
  clock.advance(50_000)
  expect(revocations.ends({ id: 'n.1', claims: { jti: 't1' } })).toBe(true)
})

test('nobody with a token gets in before the revocations can be read, and then everybody does', async () => {
  const clock = createFakeClock(noon)
  const log = memoryLog({ clock })
  let isBroken = true
  const broken: EventLog = {
    append: (batch) => log.append(batch),
    read: (query) => log.read(query),
    tail: (after, handler) => log.tail(after, handler),
    locate: (query) => log.locate(query),
    bounds: () => (isBroken ? Promise.reject(new Error('disk gone')) : log.bounds()),
    retention: log.retention,
    ruleFor: (topic) => log.ruleFor(topic),
    close: () => log.close(),
  }
  const revocations = openRevocations(broken, { clock })
  await expect(revocations.requireValid({ user: 'ada' })).rejects.toMatchObject({
    code: 'ACCESS_UNAVAILABLE',
    status: 503,
  })
  expect(revocations.warnings.lines).toEqual([expect.stringContaining('disk gone')])
  isBroken = false
  clock.advance(1000)
  await revocations.ready
  expect(revocations.warnings.lines).toEqual([])
  await revocations.requireValid({ user: 'ada' })
})

test.each<[string, Revocation, string]>([
  ['nothing', {}, 'got none'],
  ['two things', { user: 'ada', tokenId: 't' }, 'got user and tokenId'],
  ['an empty user, which would be nobody', { user: '' }, 'user is a text'],
  ['a user of a missing variable', { user: undefined }, 'got none'],
  ['seconds', { user: 'ada', issuedBefore: seconds }, 'looks like seconds'],
  ['a time that is none', { user: 'ada', issuedBefore: Number.NaN }, 'milliseconds since 1970'],
  ['microseconds', { user: 'ada', issuedBefore: noon * 1_000 }, 'whole milliseconds since 1970'],
  ['half a millisecond', { user: 'ada', issuedBefore: noon + 0.5 }, 'whole milliseconds'],
  ['a time beyond all', { user: 'ada', expiresAt: 1e308 }, 'whole milliseconds since 1970'],
  ['an end that has passed', { user: 'ada', expiresAt: 1.6e12 }, 'in the future'],
  ['a claim that sessions do not keep', { claim: 'role', value: 'x' }, 'revocableClaims'],
  ['a claim without a value', { claim: 'tenant' }, 'value is missing'],
  ['a value without a claim', { user: 'ada', value: 'x' }, 'belongs to a claim'],
  ['a session with a time', { session: 'n.1', issuedBefore: noon }, 'issuedBefore'],
  ['a note that forges a line', { user: 'ada', note: 'a\r\nb' }, 'one line'],
  [
    'an unknown member',
    { user: 'ada', issuedbefore: 1 } as Revocation,
    'Did you mean issuedBefore',
  ],
])('a revocation of %s is refused', async (_name, revocation, text) => {
  const revocations = openRevocations(memoryLog())
  const refused = revocations.revoke(revocation)
  await expect(refused).rejects.toMatchObject({ code: 'REVOCATION_INVALID', status: 400 })
  await expect(refused).rejects.toThrow(text)
})

test('a log that takes no more revocations says so, and those that it has still hold', async () => {
  const log = memoryLog()
  const revocations = openRevocations(log)
  await revocations.revoke({ user: 'ada' })
  vi.spyOn(log, 'append').mockRejectedValue(
    Object.assign(new Error('100,000 entries.'), { code: 'LEDGER_FULL' }),
  )
  await expect(revocations.revoke({ user: 'bob' })).rejects.toMatchObject({
    code: 'ACCESS_STATE_FULL',
    status: 503,
  })
  await expect(revocations.requireValid({ user: 'ada' })).rejects.toThrow('revoked')
})

test('a request looks at its own revocations, not at all of them', () => {
  const index = new RevocationIndex()
  for (let i = 0; i < 10_000; i++) {
    const revocation = { name: 'jti', value: `t${i}`, at: 0, expiresAt: 1 }
    index.put(`key${i}`, revocation)
  }
  let looks = 0
  const claims = new Proxy<Record<string, string>>(
    { jti: 't9999' },
    { get: (target, name: string) => ((looks += 1), target[name]) },
  )
  expect(index.find({ claims })?.value).toBe('t9999')
  expect(looks).toBe(1)
  for (let i = 0; i < 10_000; i++) index.delete(`key${i}`)
  expect(index.size).toBe(0)
  expect(index.find({ claims })).toBeUndefined()
})

test('a revocation of a node whose clock is behind reaches what was issued until then by that clock', async () => {
  const clock = createFakeClock(noon)
  const behind = createFakeClock(noon - 5_000)
  const log = memoryLog({ clock })
  const [here, there] = [openRevocations(log, { clock }), openRevocations(log, { clock: behind })]
  await there.revoke({ user: 'ada' })
  const issued = (agoSeconds: number) => ({ user: 'ada', claims: { iat: seconds - agoSeconds } })
  await expect.poll(() => here.ends({ id: 'n.1', ...issued(6) })).toBe(true)
  expect(here.ends({ id: 'n.1', ...issued(4) })).toBe(false)
  // A caller that knows better says it.
  await there.revoke({ user: 'ada', issuedBefore: noon })
  await expect.poll(() => here.ends({ id: 'n.1', ...issued(4) })).toBe(true)
})
