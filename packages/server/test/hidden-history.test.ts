// A history of which most is hidden from its reader.

import { memoryLog } from '@tidemark/log'
import { expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import { historyPagesMax } from '../src/limits.ts'
import { wrapLog } from './support/wrap-log.ts'

test('an empty page says whether more may follow, so that nobody stops before an event', async () => {
  const whole = memoryLog()
  // Pages of one record each: as many are looked at as pages may be read.
  const log = wrapLog(whole, { read: (query) => whole.read({ ...query, limit: 1 }) })
  const where = { region: 'eu' }
  const tide = createTidemark({ log, authorize: () => ({ user: 'eve', subscribe: ['a'], where }) })
  onTestFinished(() => tide.close())
  for (let i = 0; i < historyPagesMax + 5; i++) await tide.publish('a', { data: 'hidden' })
  await tide.publish('a', { data: 'shown', tags: where })
  const by = { method: 'GET', url: '/', header: () => undefined, address: undefined }
  const first = await tide.history({ topic: 'a', by })
  expect(first).toMatchObject({ records: [], hasMore: true })
  const second = await tide.history({ topic: 'a', by, after: first.next })
  expect(second.records.map(({ data }) => data)).toEqual(['shown'])
  const last = await tide.history({ topic: 'a', by, after: second.next })
  expect(last.records).toEqual([])
  expect(last).not.toHaveProperty('hasMore')
})
