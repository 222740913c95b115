// Lists of topics that tokens share, and heads of tokens that are read once.

import { expect, test } from 'vitest'
import { parsedList } from '../src/grants/parsed-list.ts'
import { sharedListCharactersMax, sharedListsCharactersMax } from '../src/limits.ts'
import { readToken } from '../src/tokens/read-token.ts'
import { TwoHalves } from '../src/tokens/two-halves.ts'

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

test('lists with the same names are one list, whatever stands in a name', () => {
  const list = parsedList(['orders/*', 'news'])
  expect(parsedList(['orders/*', 'news'])).toBe(list)
  expect(Object.isFrozen(list)).toBe(true)
  // One name is never two, whatever might stand between two names.
  const joined = ['orders/*,news', 'orders/*","news', 'orders/* news', 'orders/*\u001fnews']
  for (const name of joined) {
    const outcome = (): readonly string[] => parsedList([name])
    let other: readonly string[] | undefined
    try {
      other = outcome()
    } catch {
      // No name at all.
    }
    expect(other).not.toBe(list)
    expect(other ?? [name]).toEqual([name])
  }
  expect(parsedList(['news', 'orders/*'])).not.toBe(list)
})

test('a list that cannot be parsed is refused each time', () => {
  for (let time = 0; time < 2; time++) expect(() => parsedList(['a//b'])).toThrow(/a\/\/b/)
})

test('however many lists come, those that are shared take no more than their bound', () => {
  const lists = Array.from({ length: 1_000 }, (_, i) => [`list/${i}/${'x'.repeat(190)}`])
  const made = lists.map((list) => parsedList(list))
  const newest = parsedList(lists.at(-1) ?? [])
  expect(newest).toBe(made.at(-1))
  const { length } = JSON.stringify(newest)
  const kept = lists.toReversed().filter((list, i) => parsedList(list) === made.at(-1 - i))
  expect(kept.length).toBeGreaterThan(sharedListsCharactersMax / 2 / length - 2)
  expect(kept.length).toBeLessThan(sharedListsCharactersMax / length + 2)
  const long = Array.from({ length: 30 }, (_, i) => `${i}/${'x'.repeat(200)}`)
  expect(JSON.stringify(long).length).toBeGreaterThan(sharedListCharactersMax)
  expect(parsedList(long)).not.toBe(parsedList(long))
})

test('what is used stays, and what was used longest ago goes first', () => {
  const map = new TwoHalves<number>(10, () => 1)
  for (let i = 0; i < 100; i++) {
    map.set(String(i), i)
    expect(map.get('0')).toBe(0)
    expect(map.get(String(i))).toBe(i)
  }
  const kept = Array.from({ length: 100 }, (_, i) => i).filter((i) => map.get(String(i)) === i)
  expect(kept.length).toBeLessThanOrEqual(10)
  expect(kept).toContain(0)
  expect(kept).toContain(99)
})

test('tokens with the same head and other claims say each their own, and no head can be changed by one', () => {
  const head = part({ alg: 'HS256', typ: 'JWT', kid: 'a' })
  const one = readToken(`${head}.${part({ sub: 'ada' })}.x`)
  const two = readToken(`${head}.${part({ sub: 'eve' })}.x`)
  expect([one.claims['sub'], two.claims['sub']]).toEqual(['ada', 'eve'])
  expect(one.head).toEqual(two.head)
  const other = readToken(`${part({ alg: 'HS256', typ: 'JWT', kid: 'b' })}.${part({})}.x`)
  expect(other.head.kid).toBe('b')
  const long = part({ alg: 'HS256', kid: 'x'.repeat(600) })
  expect(readToken(`${long}.${part({})}.x`).head.kid).toHaveLength(600)
})

test.each([
  ['a head that is a list', `${part([])}.${part({})}.x`],
  ['a head that is null', `${part(null)}.${part({})}.x`],
  ['a head that is no JSON', `e30e.${part({})}.x`],
  ['claims that are a list', `${part({ alg: 'HS256' })}.${part([])}.x`],
  ['claims that are a text', `${part({ alg: 'HS256' })}.${part('a')}.x`],
  ['claims that are null', `${part({ alg: 'HS256' })}.${part(null)}.x`],
  ['claims that are no JSON', `${part({ alg: 'HS256' })}.e30e.x`],
  ['two parts', `${part({ alg: 'HS256' })}.${part({})}`],
  ['four parts', `${part({ alg: 'HS256' })}.${part({})}.x.y`],
])('%s is no token, also when it comes again', (_, text) => {
  for (let time = 0; time < 2; time++) expect(() => readToken(text)).toThrow(/no signed token/)
})
