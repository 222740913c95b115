// The contract of what a log is handed by callers written in JavaScript: the coded error, nothing
// stored, and others unharmed.

import { parseTopicSet } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { expect, test } from 'vitest'

import { expectedOutcomes, tryOddValues, withThrowing } from '../odd-values.ts'
import type { OddCase } from '../odd-values.ts'
import { event, readWhole } from './harness.ts'
import type { Bench, OpenBench } from './harness.ts'

type Case = (bench: Bench) => OddCase

const topics = parseTopicSet(['a'])
const good = event('a', 'good')

const batch =
  (name: string, { code = 'BATCH_INVALID', takes = [] as readonly string[] } = {}): Case =>
  ({ log }) => ({
    call: (value) => log.append({ events: [good], [name]: value }),
    code,
    takes,
  })

const inEvent =
  (name: string, takes: readonly string[] = []): Case =>
  ({ log }) => ({
    call: (value) => log.append({ events: [{ ...good, [name]: value }] }),
    code: 'BATCH_INVALID',
    takes,
  })

const query =
  (name: string, code: string, takes: readonly string[] = []): Case =>
  ({ log, start }) => ({
    call: (value) => log.read({ topics, after: start, upTo: start, limit: 1, [name]: value }),
    code,
    takes,
  })

const since =
  (value: (odd: unknown) => unknown, takes: readonly string[] = []): Case =>
  ({ log }) => ({
    call: (odd) => log.locate({ topics, since: value(odd) as never }),
    code: 'OPTION_INVALID',
    takes,
  })

const cases: Readonly<Record<string, Case>> = {
  'append: the batch': ({ log }) => ({
    call: (value) => log.append(value as never),
    code: 'BATCH_INVALID',
  }),
  'append: events': batch('events'),
  'append: an event': ({ log }) => ({
    call: (value) => log.append({ events: [good, value as never] }),
    code: 'BATCH_INVALID',
  }),
  'append: a topic': inEvent('topic'),
  'append: a type': inEvent('type'),
  'append: data': inEvent('data', ['empty text']),
  'append: a key': inEvent('key', ['empty text']),
  'append: idempotencyKey': batch('idempotencyKey', { code: 'IDEMPOTENCY_KEY_INVALID' }),
  // Below 0 where it is a number: a clock that stands still would wait for the others.
  'append: patienceMs': ({ log }) => ({
    call: (value) =>
      log.append({
        events: [good],
        patienceMs: typeof value === 'number' ? -value : (value as never),
      }),
    code: 'BATCH_INVALID',
  }),
  'read: the query': ({ log }) => ({
    call: (value) => log.read(value as never),
    code: 'OPTION_INVALID',
  }),
  'read: topics': query('topics', 'OPTION_INVALID'),
  'read: after': query('after', 'POSITION_INVALID'),
  'read: upTo': query('upTo', 'POSITION_INVALID'),
  'read: limit': query('limit', 'OPTION_INVALID', ['a number']),
  'tail: after': ({ log }) => ({
    call: (value) => log.tail(value as never, { records: () => undefined }),
    code: 'POSITION_INVALID',
  }),
  'tail: the handler': ({ log, start }) => ({
    call: (value) => log.tail(start, value as never),
    code: 'OPTION_INVALID',
  }),
  'tail: records': ({ log, start }) => ({
    call: (value) => log.tail(start, { records: value as never }).close(),
    code: 'OPTION_INVALID',
    takes: ['a function'],
  }),
  'tail: overtaken': ({ log, start }) => ({
    call: (value) =>
      log.tail(start, { records: () => undefined, overtaken: value as never }).close(),
    code: 'OPTION_INVALID',
    takes: ['a function'],
  }),
  'locate: the query': ({ log }) => ({
    call: (value) => log.locate(value as never),
    code: 'OPTION_INVALID',
  }),
  'locate: topics': ({ log }) => ({
    call: (value) => log.locate({ topics: value as never, since: { kind: 'earliest' } }),
    code: 'OPTION_INVALID',
  }),
  'locate: since': since((odd) => odd),
  'locate: since.kind': since((kind) => ({ kind })),
  'locate: since.count': since((count) => ({ kind: 'last', count }), ['a number']),
  'locate: since.ageMs': since((ageMs) => ({ kind: 'age', ageMs }), ['a number']),
}

export function describeOddValues(open: OpenBench): void {
  test.each(Object.entries(cases))('%s', async (_name, makeCase) => {
    const bench = await open()
    const odd = makeCase(bench)
    expect(await tryOddValues(odd, 'LogError')).toEqual(expectedOutcomes(odd))
  })

  test.each(['topic', 'type', 'data', 'key', 'tags', 'permission', 'ttlMs'])(
    'an event whose %s throws when it is read is refused, and costs its neighbours nothing',
    async (name) => {
      const { log, start } = await open()
      const refused = log
        .append({ events: [withThrowing(good, name)] })
        .catch((error: unknown) => error)
      await expect(Promise.all([appendGood(log), appendGood(log)])).resolves.toHaveLength(2)
      expect(await refused).toMatchObject({ name: 'LogError', code: 'BATCH_INVALID' })
      expect((await readWhole(log, ['a'], { after: start })).data).toEqual(['good', 'good'])
    },
  )

  test('a batch that would wait for ever for others is refused, and holds nobody up', async () => {
    const { log } = await open()
    const endless = log.append({ events: [good], patienceMs: Infinity })
    await expect(endless).rejects.toMatchObject({ code: 'BATCH_INVALID' })
    await appendGood(log)
  })
}

function appendGood(log: EventLog): Promise<unknown> {
  return log.append({ events: [good] })
}
