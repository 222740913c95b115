// Reading a topic's history from a log that is slow to find something.

import { memoryLog } from '@tidemark/log'
import type { EventLog } from '@tidemark/log'
import { epochOf, makePosition, sequenceOf } from '@tidemark/log/driver'
import { expect, test } from 'vitest'
import { startTestServer } from './support/test-server.ts'

interface History {
  readonly records: readonly unknown[]
  readonly next: string
}

/** A log that looks at one record for a page. */
function makeShortSighted(log: EventLog): EventLog {
  return {
    append: (batch) => log.append(batch),
    read: ({ upTo, ...query }) => {
      const next = makePosition(epochOf(upTo), sequenceOf(query.after) + 1)
      return log.read({ ...query, upTo: sequenceOf(next) < sequenceOf(upTo) ? next : upTo })
    },
    locate: (since) => log.locate(since),
    tail: (after, onRecords) => log.tail(after, onRecords),
    bounds: () => log.bounds(),
    retention: log.retention,
    ruleFor: (topic) => log.ruleFor(topic),
    close: () => log.close(),
  }
}

test('a page of the log that is empty but not the last does not end the history', async () => {
  const port = await startTestServer({ log: makeShortSighted(memoryLog()) })
  const url = `http://127.0.0.1:${port}/topics/`
  const publish = (topic: string): Promise<Response> =>
    fetch(url + topic, { method: 'POST', body: topic })
  for (let i = 0; i < 20; i++) await publish('b')
  await publish('a')
  await publish('b')
  const read = async (query = ''): Promise<History> =>
    (await (await fetch(`${url}a${query}`)).json()) as History
  const first = await read()
  expect(first.records).toMatchObject([{ data: 'a' }])
  expect((await read(`?after=${first.next}`)).records).toEqual([])
})
