// Clients that have left before their stream begins: nothing of them is kept, and nobody holds a session of
// theirs.

import { expect, onTestFinished, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Grant, SessionHandle } from '../src/index.ts'
import { openStream } from '../src/node/index.ts'
import { get, sendRaw, serve } from './support/node-server.ts'

test('a client that leaves while authorize waits leaves no session, and none is handed to the application', async () => {
  const asked = Promise.withResolvers<undefined>()
  const answer = Promise.withResolvers<Grant>()
  const tide = createTidemark({
    authorize: () => {
      asked.resolve(undefined)
      return answer.promise
    },
  })
  const given = Promise.withResolvers<SessionHandle | undefined>()
  const gone = Promise.withResolvers<undefined>()
  const server = await serve((request, response) => {
    response.on('close', () => gone.resolve(undefined))
    void tide.subscribe(request, response).then(given.resolve)
  })
  onTestFinished(async () => {
    await tide.close()
    await server.close()
  })
  const client = sendRaw(server.port, get('/?topic=a'))
  await asked.promise
  client.socket.destroy()
  await gone.promise
  answer.resolve({ user: 'ada', subscribe: ['a'] })
  expect(await given.promise).toBeUndefined()
  expect(tide.sessionCount).toBe(0)
  expect(tide.sessions({ user: 'ada' })).toEqual([])
})
test('a stream of one’s own for a client that has left is over, and nothing waits for it', async () => {
  const stream = Promise.withResolvers<ReturnType<typeof openStream>>()
  const arrived = Promise.withResolvers<undefined>()
  const server = await serve((request, response) => {
    arrived.resolve(undefined)
    response.on('close', () => {
      try {
        stream.resolve(openStream(request, response))
      } catch (error) {
        stream.reject(error)
      }
    })
  })
  onTestFinished(() => server.close())
  const client = sendRaw(server.port, get('/'))
  await arrived.promise
  client.socket.destroy()
  const opened = await stream.promise
  await expect.poll(() => opened.signal.aborted).toBe(true)
  expect(await opened.send({ data: 'x' })).toBe(false)
  await opened.close()
})
