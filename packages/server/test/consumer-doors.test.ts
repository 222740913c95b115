// Consumers at every door: where the application chooses the topics, and where `authorize` says what a client
// may.

import { waitUntil } from '@tidemark/testkit'
import { describe, expect, test } from 'vitest'
import { createTidemark } from '../src/index.ts'
import type { Tidemark } from '../src/index.ts'
import { doors } from './support/doors.ts'
import type { DoorAnswer } from './support/doors.ts'

const grants = (): Tidemark =>
  createTidemark({
    authorize: (request) => {
      const user = request.header('x-user')
      return { subscribe: ['**'], ...(user === undefined ? {} : { user }) }
    },
    rules: { startAt: [{ pattern: '**', startAt: 'earliest' }] },
  })

const untilText = (answer: DoorAnswer, text: string): Promise<void> =>
  waitUntil(`${text} is there`, () => answer.text.includes(text))

// All at once: each waits for a second until a place is kept.
describe.concurrent.each(doors)('$name', (door) => {
  test('a device goes on where the last one was, and another one takes its place', async () => {
    const tide = grants()
    await tide.ready
    const opened = await door.open(tide)
    const headers = { 'x-user': 'ada' }
    await tide.publish('a', { data: 'one' })
    const phone = await opened.ask({ query: '?topic=a&consumer=main', headers })
    await untilText(phone, 'data: one')
    const tablet = await opened.ask({ query: '?topic=a&consumer=main', headers })
    await untilText(phone, '"reason":"replaced"')
    await waitUntil('the older one has ended', () => phone.isEnded)
    await tide.publish('a', { data: 'two' })
    await untilText(tablet, 'data: two')
    const kept = tide.consumers({ user: 'ada' })
    const [before] = await kept.list()
    await waitUntil('its place is kept', async () => {
      const [now] = await kept.list()
      return now?.cursor !== before?.cursor
    })
    tablet.leave()
    await tide.publish('a', { data: 'three' })
    const laptop = await opened.ask({ query: '?topic=a&consumer=main', headers })
    await untilText(laptop, 'data: three')
    expect(laptop.text).not.toContain('data: two')
    await opened.close()
    await tide.close()
  })

  test('a visitor and a name that is none are refused before a stream begins', async () => {
    const tide = grants()
    await tide.ready
    const opened = await door.open(tide)
    const visitor = await opened.ask({ query: '?topic=a&consumer=main' })
    expect(visitor.status).toBe(401)
    const odd = await opened.ask({ query: '?topic=a&consumer=a/b', headers: { 'x-user': 'ada' } })
    expect(odd.status).toBe(400)
    await waitUntil('the refusal is there', () => odd.text.includes('CONSUMER_INVALID'))
    expect(tide.sessionCount).toBe(0)
    await opened.close()
    await tide.close()
  })
})

test('where the application chooses the topics, the consumer is of the user that it names', async () => {
  const tide = createTidemark({
    rules: { startAt: [{ pattern: 'inbox/**', startAt: 'earliest' }] },
  })
  await tide.publish('inbox/ada', { data: 'welcome' })
  const read = async (user?: string): Promise<Response> =>
    tide.fetch(new Request('http://localhost/events?consumer=main'), {
      topics: ['inbox/ada'],
      ...(user === undefined ? {} : { user }),
    })
  const stream = await read('ada')
  const reader = stream.body?.getReader()
  let text = ''
  while (!text.includes('data: welcome'))
    text += new TextDecoder().decode((await reader?.read())?.value)
  expect(await tide.consumers({ user: 'ada' }).list()).toMatchObject([{ name: 'main' }])
  expect((await read()).status).toBe(401)
  await reader?.cancel()
  await tide.close()
})
