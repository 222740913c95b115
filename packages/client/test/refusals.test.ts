// Refusals of a server: which feeds of a client they end, and which they leave alone.

import { expect, test } from 'vitest'
import { turns } from './model-server.ts'
import { collect, reopen, setUp } from './support/client-bench.ts'

const refusal = (status: number, code: string): Response =>
  new Response(JSON.stringify({ code, detail: 'No.' }), {
    status,
    headers: { 'content-type': 'application/problem+json' },
  })

test('a lasting refusal ends all feeds with the coded error, and the client can be used again', async () => {
  const { client, server } = setUp()
  server.refuse = () => refusal(401, 'TOKEN_EXPIRED')
  const listening = client.feed(['a'])
  collect(listening)
  const iterating = client.feed(['b'])[Symbol.asyncIterator]().next()
  const error = { code: 'REFUSED', status: 401, problem: { code: 'TOKEN_EXPIRED' } }
  await expect(iterating).rejects.toMatchObject(error)
  expect(listening.state).toMatchObject({ phase: 'closed', error })
  server.refuse = undefined
  const again = client.feed(['a'])
  collect(again)
  await turns()
  expect(again.state.phase).toBe('open')
})

test('a feed whose topics are refused takes no other feed along', async () => {
  const bench = setUp()
  const { client, server } = bench
  const good = client.feed(['a'])
  const { seen } = collect(good)
  await turns()
  server.refuse = (topics) => (topics.includes('secret') ? refusal(403, 'FORBIDDEN') : undefined)
  const bad = client.feed(['secret'])
  collect(bad)
  await turns()
  server.publish('a')
  await reopen(bench)
  await server.flush()
  expect(bad.state).toMatchObject({ phase: 'closed', error: { code: 'REFUSED', status: 403 } })
  expect(good.state.phase).toBe('open')
  expect(seen).toEqual(['1'])
  // Refused at last for what was served before: that is for all.
  server.refuse = () => refusal(401, 'TOKEN_EXPIRED')
  server.open[0]?.cut()
  await turns()
  await reopen(bench)
  expect(good.state).toMatchObject({ phase: 'closed', error: { status: 401 } })
})

test('a feed whose topics are refused takes no feed along that began in the same turn, and is found in few requests', async () => {
  const bench = setUp()
  const { client, server } = bench
  let requests = 0
  server.refuse = (topics) => {
    requests++
    return topics.some((topic) => topic.startsWith('secret/'))
      ? refusal(403, 'TOPIC_FORBIDDEN')
      : undefined
  }
  const names = Array.from({ length: 64 }, (_, i) => (i % 40 === 7 ? `secret/${i}` : `t/${i}`))
  const feeds = names.map((name) => client.feed([name]))
  const seen = feeds.map((feed) => collect(feed).seen)
  for (let i = 0; i < 40; i++) await reopen(bench)
  expect(feeds.map(({ state }) => state.phase)).toEqual(
    names.map((name) => (name.startsWith('secret/') ? 'closed' : 'open')),
  )
  expect(requests).toBeLessThan(40)
  server.publish(...names)
  await server.flush()
  expect(seen.map((texts) => texts.length)).toEqual(
    names.map((name) => (name.startsWith('secret/') ? 0 : 1)),
  )
  expect(server.open).toHaveLength(1)
})

test('feeds that are asked for later are not forgotten when those asked for first have gone', async () => {
  const bench = setUp()
  const { client, server } = bench
  server.refuse = (topics) =>
    topics.includes('secret') ? refusal(403, 'TOPIC_FORBIDDEN') : undefined
  const feeds = ['secret', 'a', 'b', 'c/1'].map((topic) => client.feed([topic]))
  for (const feed of feeds) collect(feed)
  await turns(2)
  // Of those asked for first, one is closed by its owner and the other one is refused.
  feeds[1]?.close()
  feeds[2]?.close()
  for (let i = 0; i < 4; i++) await reopen(bench)
  expect(feeds.map(({ state }) => state.phase)).toEqual(['closed', 'closed', 'closed', 'open'])
  client.close()
  await turns()
  expect(server.open).toHaveLength(0)
})

test('a refusal of who asks, and not of topics, ends all feeds after one request', async () => {
  const bench = setUp()
  const { client, server } = bench
  let requests = 0
  server.refuse = () => {
    requests++
    return refusal(401, 'UNAUTHENTICATED')
  }
  const feeds = Array.from({ length: 20 }, (_, i) => client.feed([`t/${i}`]))
  for (const feed of feeds) collect(feed)
  for (let i = 0; i < 4; i++) await reopen(bench)
  expect(feeds.every(({ state }) => state.phase === 'closed')).toBe(true)
  expect(requests).toBe(1)
})
