// Addresses that are allowed, denied and banned: by the configuration, and at run time on all nodes of a log.

import { memoryLog } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { createFakeClock, waitUntil } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { AccessError } from '../src/index.ts'
import { deniesMax } from '../src/limits.ts'
import {
  AddressGate,
  Denials,
  parseAddressRange,
  parseIpAddress,
  readAddressList,
} from '../src/hub/index.ts'
import type { AddressRange, IpAddress } from '../src/hub/index.ts'

function address(text: string): IpAddress {
  const parsed = parseIpAddress(text)
  if (parsed === undefined) throw new Error(`${text} is an address.`)
  return parsed
}

function range(text: string): AddressRange {
  const parsed = parseAddressRange(text)
  if (parsed === undefined) throw new Error(`${text} is a network.`)
  return parsed
}

async function openDenials(log: EventLog, clock: FakeClock): Promise<Denials> {
  const denials = await Denials.open(log, {
    clock,
    onError: (error) => {
      throw error
    },
  })
  onTestFinished(() => denials.close())
  return denials
}

function createGate(
  denials: Denials,
  lists: Partial<Record<'allow' | 'deny' | 'proxies', readonly string[]>> = {},
) {
  const { allow = [], deny = [], proxies = [] } = lists
  return new AddressGate({
    allow: readAddressList('allow', allow),
    deny: readAddressList('deny', deny),
    proxies: readAddressList('proxies', proxies),
    denials,
  })
}

function codeOf(check: () => void): string | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    if (error instanceof AccessError) return error.code
    throw error
  }
}

test.each([
  ['192.0.2.1', '192.0.2.1'],
  ['192.0.2.0/24', '192.0.2.0/24'],
  ['192.0.2.1/32', '192.0.2.1'],
  ['::ffff:192.0.2.0/120', '192.0.2.0/24'],
  ['2001:DB8::/32', '2001:db8::/32'],
  ['2001:db8:1:2:3::/64', '2001:db8:1:2::/64'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['::/0', '::/0'],
  ['', undefined],
  ['192.0.2.0/33', undefined],
  ['192.0.2.0/', undefined],
  ['192.0.2.0/24/1', undefined],
  ['192.0.2.0/-1', undefined],
  ['192.0.2', undefined],
  ['::ffff:192.0.2.0/95', undefined],
  ['2001:db8::/129', undefined],
  ['fe80::1%eth0', undefined],
  ['example.org', undefined],
])('the network %s is read as %s', (given, text) => {
  expect(parseAddressRange(given)?.text).toBe(text)
})

test.each([['localhost'], ['192.0.2.300'], ['']])(
  'a list with %s is refused with the name of the option',
  (entry) => {
    expect(() => readAddressList('addresses.deny', [entry])).toThrow(/addresses\.deny/)
  },
)

test('allow beats deny, a deny at run time and a ban, in IPv4, in IPv6, and mapped', async () => {
  const clock = createFakeClock()
  const denials = await openDenials(memoryLog({ clock }), clock)
  await denials.deny(range('192.0.2.0/24'), 'scrapes prices')
  const lists = { allow: ['192.0.2.7'], deny: ['0.0.0.0/0', '2001:db8::/32'] }
  const gate = createGate(denials, lists)
  expect(codeOf(() => gate.check(address('192.0.2.7')))).toBeUndefined()
  expect(codeOf(() => gate.check(address('::ffff:192.0.2.7')))).toBeUndefined()
  expect(codeOf(() => gate.check(address('::ffff:192.0.2.8')))).toBe('ADDRESS_DENIED')
  expect(codeOf(() => gate.check(address('2001:db8:ffff::1')))).toBe('ADDRESS_DENIED')
  expect(codeOf(() => gate.check(address('2001:db9::1')))).toBeUndefined()
})

test('a deny at run time holds on every node with its reason, over a restart, until it is deleted', async () => {
  const clock = createFakeClock()
  const log = memoryLog({ clock })
  const here = await openDenials(log, clock)
  const there = await openDenials(log, clock)
  await here.deny(range('198.51.100.0/24'), 'scrapes prices')
  await waitUntil('the other node knows', () => there.list('deny').length === 1)
  const gate = createGate(there)
  expect(() => gate.check(address('198.51.100.9'))).toThrow(/scrapes prices/)
  clock.advance(400 * 86_400_000)
  const later = await openDenials(log, clock)
  expect(later.find(address('198.51.100.9'))?.reason).toBe('scrapes prices')
  expect(await later.remove(range('198.51.100.0/24'))).toBe(true)
  expect(await later.remove(range('198.51.100.0/24'))).toBe(false)
  await waitUntil('the other node knows', () => there.find(address('198.51.100.9')) === undefined)
})

test('a ban ends by itself, says until when, and is of a whole /64', async () => {
  const clock = createFakeClock()
  const denials = await openDenials(memoryLog({ clock }), clock)
  const gate = createGate(denials)
  const until = clock.now() + 900_000
  expect(await denials.ban('2001:db8:a:b::/64', 'refused 20 times', until)).toBe(true)
  try {
    gate.check(address('2001:db8:a:b:1::9'))
    expect.unreachable()
  } catch (error) {
    expect(error).toMatchObject({ code: 'ADDRESS_DENIED', status: 403 })
    expect(String(error)).toContain(new Date(until).toISOString())
  }
  expect(codeOf(() => gate.check(address('2001:db8:a:c::9')))).toBeUndefined()
  clock.advance(900_000)
  expect(codeOf(() => gate.check(address('2001:db8:a:b:1::9')))).toBeUndefined()
  expect(denials.list('ban')).toEqual([])
})

test('a deny of an address outlasts its ban, and a ban its deny', async () => {
  const clock = createFakeClock()
  const denials = await openDenials(memoryLog({ clock }), clock)
  await denials.deny(range('192.0.2.1'), 'by hand')
  await denials.ban('192.0.2.1', 'refused 20 times', clock.now() + 1_000)
  expect(denials.find(address('192.0.2.1'))?.reason).toBe('by hand')
  clock.advance(2_500)
  expect(denials.find(address('192.0.2.1'))?.reason).toBe('by hand')
})

test('the machine itself, trusted proxies and allowed addresses are never banned', async () => {
  const clock = createFakeClock()
  const denials = await openDenials(memoryLog({ clock }), clock)
  const gate = createGate(denials, {
    allow: ['192.0.2.7'],
    proxies: ['10.0.0.0/8', '2001:db8::1'],
  })
  const may = (text: string): boolean => gate.mayBan(address(text))
  expect(['127.0.0.9', '::1', '::ffff:127.0.0.1', '10.1.2.3', '192.0.2.7'].map(may)).not.toContain(
    true,
  )
  expect(may('192.0.2.8')).toBe(true)
  // A neighbour of a proxy was banned, and so their whole /64.
  await denials.ban('2001:db8::/64', 'refused 20 times', clock.now() + 900_000)
  expect(codeOf(() => gate.check(address('2001:db8::1')))).toBeUndefined()
  expect(codeOf(() => gate.check(address('2001:db8::2')))).toBe('ADDRESS_DENIED')
})

test.each([
  ['', 'ADDRESS_INVALID'],
  ['x'.repeat(201), 'ADDRESS_INVALID'],
  ['a\r\nb', 'ADDRESS_INVALID'],
])('a deny with the reason %j is refused', async (reason, code) => {
  const clock = createFakeClock()
  const denials = await openDenials(memoryLog({ clock }), clock)
  await expect(denials.deny(range('192.0.2.1'), reason)).rejects.toMatchObject({ code })
})

test('as many addresses may be denied at run time as fit, and one more is refused', async () => {
  const clock = createFakeClock()
  const denials = await openDenials(memoryLog({ clock }), clock)
  const nth = (i: number): string => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`
  const all = Array.from({ length: deniesMax }, (_, i) =>
    denials.deny(range(nth(i)), 'x'.repeat(200)),
  )
  await Promise.all(all)
  await expect(denials.deny(range('192.0.2.1'), 'x')).rejects.toMatchObject({
    code: 'ADDRESSES_FULL',
  })
  await denials.deny(range(nth(7)), 'another reason')
  await denials.ban('192.0.2.1', 'refused 20 times', clock.now() + 1_000)
  expect(denials.find(address('192.0.2.1'))?.kind).toBe('ban')
  expect(denials.find(address(nth(7)))?.reason).toBe('another reason')
})
