// Publishing with a client: one request per call, and coded errors for events that are none.

import { expect, test } from 'vitest'
import { createClient } from '../src/index.ts'
import type { Fetch } from '../src/index.ts'

test('an event is published to the topic, beside the base, with the headers of the client', async () => {
  const requests: unknown[] = []
  const fetch: Fetch = async (url, { method, body, headers }) => {
    const list = new Headers(headers)
    requests.push([method, url, body, list.get('authorization')])
    return new Response('{"cursor":"c9","sessions":3}')
  }
  const headers = { authorization: 'Bearer x' }
  const client = createClient('http://model.test/api', { fetch, headers })
  const sent = client.publish('chat/1', { type: 'said', data: { text: 'hi' } })
  expect(await sent).toEqual({ cursor: 'c9', sessions: 3 })
  const body = '[{"type":"said","data":{"text":"hi"},"topic":"chat/1"}]'
  expect(requests).toEqual([['POST', 'http://model.test/api/publish', body, 'Bearer x']])
  await expect(client.publish('chat/1', { data: undefined })).rejects.toMatchObject({
    code: 'REQUEST_INVALID',
  })
  const both = ['chat/1', 'chat/2'].map((topic) => ({ topic, data: 1 }))
  expect(await client.publishAll(both)).toEqual({ cursor: 'c9', sessions: 3 })
  expect(requests[1]).toContain(JSON.stringify(both))
})

test.for([undefined, null, 'hi', 7])(
  'an event that is %s is refused, and nothing is sent',
  async (event) => {
    const fetch: Fetch = () => Promise.reject(new Error('asked'))
    const client = createClient('http://model.test/', { fetch })
    await expect(client.publish('a', event as never)).rejects.toMatchObject({
      name: 'ClientError',
      code: 'REQUEST_INVALID',
    })
  },
)

test('an event that throws when it is read is a coded error', async () => {
  const client = createClient('http://model.test/')
  const event = {
    get data() {
      throw new Error('no')
    },
  }
  await expect(client.publish('a', event)).rejects.toMatchObject({ code: 'REQUEST_INVALID' })
})
