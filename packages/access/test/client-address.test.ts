// Which address a request comes from, whatever its sender has put into the headers.

import { expect, test } from 'vitest'
import {
  countingKey,
  findClientAddress,
  parseIpAddress,
  readAddressList,
} from '../src/hub/index.ts'
import type { ProxyHeader } from '../src/hub/index.ts'

interface Asked {
  readonly peer?: string
  readonly trust?: readonly string[]
  readonly reads?: ProxyHeader
  readonly headers?: Readonly<Record<string, string>>
}

function find({ peer = '127.0.0.1', trust = ['loopback'], reads, headers = {} }: Asked) {
  const proxies = readAddressList('trustProxy', trust)
  const trusted = { proxies, header: reads ?? ('x-forwarded-for' as const) }
  return findClientAddress(peer, (name) => headers[name], trusted)?.text
}

const xff = (text: string): Asked => ({ headers: { 'x-forwarded-for': text } })
const forwarded = (text: string): Asked => ({ reads: 'forwarded', headers: { forwarded: text } })

test.each<[string, Asked, string]>([
  ['nobody is trusted', { ...xff('203.0.113.9'), trust: [] }, '127.0.0.1'],
  [
    'the sender is no trusted proxy',
    { ...xff('203.0.113.9'), peer: '198.51.100.1' },
    '198.51.100.1',
  ],
  ['the sender is one over IPv6', { ...xff('203.0.113.9'), peer: '::1' }, '203.0.113.9'],
  [
    'the sender is one, mapped into IPv6',
    { ...xff('203.0.113.9'), peer: '::ffff:127.0.0.1' },
    '203.0.113.9',
  ],
  [
    'the sender is one, mapped in digits',
    { ...xff('203.0.113.9'), peer: '::ffff:7f00:1' },
    '203.0.113.9',
  ],
  ['the client has invented a hop', xff('10.0.0.1, 203.0.113.9'), '203.0.113.9'],
  ['the client has invented a trusted hop', xff('127.0.0.1, 203.0.113.9'), '203.0.113.9'],
  ['two trusted proxies follow each other', xff('203.0.113.9, 127.0.0.2'), '203.0.113.9'],
  ['all hops are trusted', xff('127.0.0.3, 127.0.0.2'), '127.0.0.3'],
  ['an IPv6 client', xff('2001:db8::1'), '2001:db8::1'],
  ['an IPv6 client in another form', xff('2001:0DB8:0:0::0:1'), '2001:db8::1'],
  ['an IPv6 client with a port', xff('[2001:db8::1]:4711'), '2001:db8::1'],
  ['an IPv4 client with a port', xff('203.0.113.9:4711'), '203.0.113.9'],
  ['an IPv4 client mapped into IPv6', xff('::ffff:203.0.113.9'), '203.0.113.9'],
  ['a zone behind an address', xff('fe80::1%eth0'), 'fe80::1'],
  ['no header at all', {}, '127.0.0.1'],
  ['an empty header', xff(''), '127.0.0.1'],
  ['a hop that is no address', xff('203.0.113.9, nonsense'), '127.0.0.1'],
  ['a hop with leading zeros, which others read as octal', xff('0177.0.0.1'), '127.0.0.1'],
  ['a number for an address', xff('2130706433'), '127.0.0.1'],
  ['an IPv4 address in brackets', xff('[203.0.113.9]'), '127.0.0.1'],
  ['a hop with CR in it', xff('203.0.113.9\r'), '203.0.113.9'],
  ['the other header', { headers: { forwarded: 'for=203.0.113.9' } }, '127.0.0.1'],
  ['a simple element', forwarded('for=203.0.113.9;proto=https'), '203.0.113.9'],
  ['an element in capitals', forwarded('For=203.0.113.9'), '203.0.113.9'],
  ['a quoted IPv6 address with a port', forwarded('for="[2001:db8::1]:4711"'), '2001:db8::1'],
  ['an invented element', forwarded('for=10.0.0.1, for=203.0.113.9'), '203.0.113.9'],
  ['a quote left open by the client', forwarded('for="10.0.0.1, for=203.0.113.9'), '203.0.113.9'],
  ['a comma in quotes', forwarded('for=203.0.113.9;by="a,b"'), '203.0.113.9'],
  [
    '`for` in the quotes of another',
    forwarded('by="x;for=10.0.0.1";for=203.0.113.9'),
    '203.0.113.9',
  ],
  ['`for` twice in one element', forwarded('for=10.0.0.1;for=203.0.113.9'), '127.0.0.1'],
  ['a client that is unknown', forwarded('for=unknown'), '127.0.0.1'],
  ['a client behind a hidden name', forwarded('for=_hidden, for=127.0.0.2'), '127.0.0.2'],
  [
    'the header that is not the chosen one',
    { reads: 'forwarded', ...{ headers: { 'x-forwarded-for': '203.0.113.9' } } },
    '127.0.0.1',
  ],
])('the address of a client is found where there is %s', (_, asked, address) => {
  expect(find(asked)).toBe(address)
})

test('a thousand invented hops are not gone through', () => {
  const invented = Array.from({ length: 1_000 }, (_, i) => `127.0.${i >> 8}.${i & 255}`)
  expect(find(xff(['203.0.113.9', ...invented].join(', ')))).toMatch(/^127\./)
  expect(find(xff([...invented, '203.0.113.9'].join(', ')))).toBe('203.0.113.9')
})

test.each([
  ['203.0.113.9', '203.0.113.9'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8::/64'],
  ['2001:db8:0:1::1', '2001:db8:0:1::/64'],
  ['::1', '::1'],
  ['::2', '::/64'],
  ['0:0:0:1::5', '0:0:0:1::/64'],
  ['::192.0.2.1', '::/64'],
  ['64:ff9b::192.0.2.1', '64:ff9b::/64'],
])('%s counts as %s', (text, key) => {
  const address = parseIpAddress(text)
  expect(address && countingKey(address)).toBe(key)
})

test('every address of a /64 has one key, and it is the form in which that network is denied', () => {
  const keys = ['2001:db8:a:b::1', '2001:db8:a:b:ffff::', '2001:db8:a:b:1:2:3:4'].map((text) => {
    const address = parseIpAddress(text)
    return address && countingKey(address)
  })
  expect(new Set(keys)).toEqual(new Set(['2001:db8:a:b::/64']))
})
