// A data directory that is put back as it was, or used twice: what a client with a cursor of the other
// history is told.

import { cp, rm } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { decodeStream } from '@tidemark/wire'
import { makeDirectory, startTestHub } from './support/test-hub.ts'
import type { TestHub } from './support/test-hub.ts'

async function publish(hub: TestHub, prefix: string, count: number): Promise<string[]> {
  const names = Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`)
  const response = await fetch(`${hub.url}/publish`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-ndjson' },
    body: names.map((data) => JSON.stringify({ topic: 'a', data })).join('\n'),
  })
  expect(response.status).toBe(200)
  return names
}

interface Resumed {
  readonly resumed: string
  readonly gaps: readonly { readonly from: string; readonly to: string; readonly reason: string }[]
  readonly data: readonly string[]
  /** The last id, as an `EventSource` keeps it. */
  readonly cursor: string
}

/** Reads like a plain `EventSource` that comes back, until `until` has come. */
async function resume(hub: TestHub, cursor: string, until: string): Promise<Resumed> {
  const ending = new AbortController()
  const response = await fetch(`${hub.url}/events?topic=a`, {
    headers: { Accept: 'text/event-stream', 'Last-Event-ID': cursor },
    signal: ending.signal,
  })
  if (response.body === null) throw new Error('The stream has no body.')
  const gaps: Resumed['gaps'][number][] = []
  const data: string[] = []
  let resumed = ''
  let last = cursor
  for await (const event of decodeStream(response.body)) {
    last = event.id
    if (event.type === 'tidemark.ready') {
      resumed = (JSON.parse(event.data) as { resumed: string }).resumed
    } else if (event.type === 'tidemark.gap') gaps.push(JSON.parse(event.data))
    else if (event.type === 'message') data.push(event.data)
    if (event.data === until) break
  }
  ending.abort()
  return { resumed, gaps, data, cursor: last }
}

async function startOn(data: string): Promise<TestHub> {
  return await startTestHub({ data })
}

test('a client is never told "exact" over events that went with a directory put back from a copy', async () => {
  const [data, backup] = [await makeDirectory(), await makeDirectory()]
  const first = await startOn(data)
  const kept = await publish(first, 'kept', 50)
  await first.close()
  await cp(data, backup, { recursive: true })
  const second = await startOn(data)
  const lost = await publish(second, 'lost', 50)
  const away = await readHistory(second)
  await second.close()
  await rm(data, { recursive: true })
  await cp(backup, data, { recursive: true })

  const third = await startOn(data)
  const since = await publish(third, 'since', 60)
  const early = await resume(third, away[kept.length - 10]?.cursor ?? '', 'since60')
  expect(early).toMatchObject({ resumed: 'exact', gaps: [] })
  expect(early.data).toEqual([...kept.slice(-9), ...since])
  for (const at of [0, 9, lost.length - 1]) {
    const from = away[kept.length + at]?.cursor ?? ''
    const { resumed, gaps, data: got } = await resume(third, from, 'since60')
    expect(resumed).toBe('gap')
    expect(gaps).toMatchObject([{ from, reason: 'epoch' }])
    expect(got).toEqual(since)
  }
  await third.close()
  const fourth = await startOn(data)
  await publish(fourth, 'after', 1)
  expect(await resume(fourth, early.cursor, 'after1')).toMatchObject({
    resumed: 'exact',
    data: ['after1'],
  })
})

test('a copy that is started beside its original, the original still running, is another history', async () => {
  const [data, copy] = [await makeDirectory(), await makeDirectory()]
  const original = await startOn(data)
  await publish(original, 'both', 5)
  // Nothing is being written, so the copy is whole. It brings along the entry of the hub that holds the
  // original.
  await cp(data, copy, { recursive: true })
  const beside = await startOn(copy)
  const [here, there] = [await publish(original, 'here', 3), await publish(beside, 'there', 3)]
  const cursors = [await readHistory(original), await readHistory(beside)]
  const moves = [
    { to: beside, from: cursors[0]?.at(-1)?.cursor ?? '', gets: there },
    { to: original, from: cursors[1]?.at(-1)?.cursor ?? '', gets: here },
  ]
  for (const { to, from, gets } of moves) {
    const { resumed, gaps, data: got } = await resume(to, from, gets.at(-1) ?? '')
    expect(resumed).toBe('gap')
    expect(gaps).toMatchObject([{ from, reason: 'epoch' }])
    expect(got).toEqual(gets)
  }
})

async function readHistory(hub: TestHub): Promise<{ cursor: string; data: string }[]> {
  const response = await fetch(`${hub.url}/topics/a?limit=1000`)
  return ((await response.json()) as { records: { cursor: string; data: string }[] }).records
}
