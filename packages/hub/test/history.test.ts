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

test('the cursor of the newest event is a header of each page, and to be had without a page', async () => {
  const port = await startTestServer({})
  const url = `http://127.0.0.1:${port}/topics/a`
  const publish = async (): Promise<string> => {
    const answer = await fetch(url, { method: 'POST', body: 'x' })
    return ((await answer.json()) as { readonly cursor: string }).cursor
  }
  await publish()
  const cursor = await publish()
  const [head, page] = [await fetch(url, { method: 'HEAD' }), await fetch(`${url}?limit=1`)]
  expect([head.status, head.headers.get('tidemark-cursor')]).toEqual([200, cursor])
  expect(page.headers.get('tidemark-cursor')).toBe(cursor)
  expect(Object.keys((await page.json()) as object)).toEqual(['records', 'next'])
  const stream = await fetch(`http://127.0.0.1:${port}/events?topic=a&since=${cursor}`)
  const reader = stream.body?.getReader()
  await publish()
  let text = ''
  while (!text.includes('data: x')) text += new TextDecoder().decode((await reader?.read())?.value)
  expect(text).toContain('"resumed":"exact"')
  await reader?.cancel()
  const asked = await fetch(`${url}?limit=1`, { method: 'HEAD' })
  expect(asked.status).toBe(200)
})
