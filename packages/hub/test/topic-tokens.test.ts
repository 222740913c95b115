// Topic tokens at a hub: in the body of `POST /events`, and of `PATCH /sessions/{id}`.

import { mintTopicToken } from '@tidemark/access'
import { waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { startTestHub } from './support/test-hub.ts'
import { grantToken, secret } from './support/tokens.ts'

test('an open stream takes a topic by a topic token, and no topic without one', async () => {
  const { url } = await startTestHub({ 'auth-secret': secret })
  const headers = { Authorization: `Bearer ${await grantToken({ subscribe: ['own'] })}` }
  const leaving = new AbortController()
  onTestFinished(() => leaving.abort())
  const topicTokens = [await mintTopicToken({ secret, sub: 'ada', subscribe: ['orders/1'] })]
  const stream = await fetch(`${url}/events`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ topics: ['own', 'orders/1'], topicTokens }),
    signal: leaving.signal,
  })
  expect(stream.status).toBe(200)
  let text = ''
  const decoder = new TextDecoder()
  const write = (chunk: Uint8Array): void => void (text += decoder.decode(chunk))
  stream.body?.pipeTo(new WritableStream({ write })).catch(() => undefined)
  await waitUntil('the session', () => /"session":"[^"]+"/.test(text))
  const id = /"session":"([^"]+)"/.exec(text)?.[1] ?? ''

  const patch = async (change: object): Promise<number> => {
    const body = JSON.stringify(change)
    return (await fetch(`${url}/sessions/${id}`, { method: 'PATCH', headers, body })).status
  }
  const token = await mintTopicToken({ secret, sub: 'ada', subscribe: ['orders/2'] })
  const ofBob = await mintTopicToken({ secret, sub: 'bob', subscribe: ['orders/2'] })
  expect(await patch({ add: ['orders/2'] })).toBe(403)
  expect(await patch({ add: ['orders/2'], topicTokens: [ofBob] })).toBe(403)
  expect(await patch({ add: ['orders/2'], topicTokens: 'one' })).toBe(400)
  expect(await patch({ add: ['orders/2'], topicTokens: [token] })).toBe(204)
  const admin = { Authorization: `Bearer ${await grantToken({ publish: ['**'] })}` }
  const publish = { method: 'POST', headers: admin, body: 'paid' }
  expect((await fetch(`${url}/topics/orders/2`, publish)).status).toBe(200)
  await waitUntil('the event', () => text.includes('data: paid'))
})
