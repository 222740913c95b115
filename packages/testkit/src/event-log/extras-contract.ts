// The contract of what only few events have: tags, a permission, and an end.

import { parseTopic } from '@tidemark/log'
import type { NewEvent } from '@tidemark/log'
import { expect, test } from 'vitest'

import { event, readWhole } from './harness.ts'
import type { OpenBench } from './harness.ts'
import { recordTail } from './tail-recorder.ts'

const tags = Object.fromEntries([
  ['region', 'eu'],
  ['a | b', 'x|y "\\ 漢'],
  ['__proto__', 'own'],
  ['empty', ''],
])

export function describeExtras(open: OpenBench): void {
  describeRefusals(open)
  describeKeys(open)

  test('tags, permission and end come out as they went in, from a read and from a tail', async () => {
    const { log, start } = await open()
    const tail = recordTail(log, start)
    await log.append({
      events: [
        event('a', 'plain'),
        { ...event('a', 'tags'), tags },
        { ...event('a', 'permission', { key: 'k', type: 't' }), permission: 'see-prices' },
        { ...event('a', 'all', { key: 'k' }), tags, permission: 'p', ttlMs: 60_000 },
      ],
    })
    await tail.reached((await log.bounds()).head)
    tail.tail.close()
    const { records } = await readWhole(log, ['a'], { after: start })
    for (const given of [records, tail.records]) {
      const [plain, tagged, permitted, all] = given
      expect(Object.keys(plain ?? {}).toSorted()).toEqual(
        ['data', 'key', 'position', 'time', 'topic', 'type'].toSorted(),
      )
      expect(tagged).toMatchObject({ data: 'tags', tags })
      expect(new Map(Object.entries(tagged?.tags ?? {}))).toEqual(new Map(Object.entries(tags)))
      expect(tagged).not.toHaveProperty('permission')
      expect(permitted).toMatchObject({ type: 't', key: 'k', permission: 'see-prices' })
      expect(permitted).not.toHaveProperty('tags')
      expect(all).toMatchObject({ data: 'all', key: 'k', tags, permission: 'p' })
      expect(all?.expiresAt).toBe((all?.time ?? 0) + 60_000)
    }
  })

  test('an event without a tag is one without tags', async () => {
    const { log, start } = await open()
    await log.append({ events: [{ ...event('a', 'x'), tags: {} }] })
    const [record] = (await readWhole(log, ['a'], { after: start })).records
    expect(record).not.toHaveProperty('tags')
  })

  test('a map of tags that changes after the append changes nothing of the record', async () => {
    const { log, start } = await open()
    const mine = { region: 'eu' }
    await log.append({ events: [{ ...event('a', 'x'), tags: mine }] })
    mine.region = 'us'
    const [record] = (await readWhole(log, ['a'], { after: start })).records
    expect(record?.tags).toEqual({ region: 'eu' })
  })
}

function describeRefusals(open: OpenBench): void {
  const many = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`t${i}`, 'x']))
  const refused: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    'a list of tags': { tags: ['eu'] },
    'tags that are text': { tags: 'region:eu' },
    'no tags at all': { tags: null },
    'a tag that is a number': { tags: { region: 7 } },
    '17 tags': { tags: many },
    'a tag without a name': { tags: { '': 'x' } },
    'a name of 65 characters': { tags: { ['n'.repeat(65)]: 'x' } },
    'a name with a colon': { tags: { 'a:b': 'x' } },
    'a name with a line break': { tags: { 'a\nb': 'x' } },
    'a value of 257 characters': { tags: { region: 'x'.repeat(257) } },
    'a value with a line break': { tags: { region: 'e\nu' } },
    'half a surrogate pair in a value': { tags: { region: '\ud800' } },
    'an empty permission': { permission: '' },
    'a permission that is a number': { permission: 7 },
    'a permission of 129 characters': { permission: 'p'.repeat(129) },
    'an end at once': { ttlMs: 0 },
    'an end in half a millisecond': { ttlMs: 0.5 },
    'an end in two years': { ttlMs: 2 * 366 * 86_400_000 },
    'an end that is text': { ttlMs: '30s' },
  }
  for (const [what, extras] of Object.entries(refused)) {
    test(`an event with ${what} is refused, and nothing of its batch is added`, async () => {
      const { log, start } = await open()
      const odd = { topic: parseTopic('a'), data: 'odd', ...extras } as NewEvent
      const answer = log.append({ events: [event('a', 'good'), odd] })
      await expect(answer).rejects.toMatchObject({ code: 'BATCH_INVALID' })
      expect((await readWhole(log, ['a'], { after: start })).data).toEqual([])
    })
  }
}

function describeKeys(open: OpenBench): void {
  const base: NewEvent = {
    ...event('a', 'x'),
    tags: { one: '1', two: '2' },
    permission: 'p',
    ttlMs: 5,
  }
  const others: Readonly<Record<string, NewEvent>> = {
    'another value of a tag': { ...base, tags: { one: '1', two: '3' } },
    'the values of two tags changed over': { ...base, tags: { one: '2', two: '1' } },
    'one tag less': { ...base, tags: { one: '1' } },
    'no tags': { ...base, tags: undefined },
    'another permission': { ...base, permission: 'q' },
    'no permission': { ...base, permission: undefined },
    'another time to live': { ...base, ttlMs: 6 },
    'no end': { ...base, ttlMs: undefined },
  }
  for (const [what, other] of Object.entries(others)) {
    test(`the same idempotency key with ${what} is refused`, async () => {
      const { log } = await open()
      await log.append({ events: [base], idempotencyKey: 'k' })
      const answer = log.append({ events: [other], idempotencyKey: 'k' })
      await expect(answer).rejects.toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' })
    })
  }

  test('a second try with its tags in another order, a while later, is the same batch', async () => {
    const { log, clock } = await open()
    const first = await log.append({ events: [base], idempotencyKey: 'k' })
    clock.advance(3)
    const again = { ...base, tags: { two: '2', one: '1' } }
    expect(await log.append({ events: [again], idempotencyKey: 'k' })).toEqual(first)
  })
}
