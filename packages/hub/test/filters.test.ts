// Filters and permissions through a hub of two workers: a token hides the same at each of them, and on every
// way that HTTP has.

import { sendRaw, startHubProcess, waitUntil } from '@tidemark/testkit'
import type { HubProcess, RawClient } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { makeDirectory } from './support/test-hub.ts'
import { grantToken, secret } from './support/tokens.ts'

async function start(): Promise<HubProcess> {
  const dataDirectory = await makeDirectory()
  const args = ['--workers=2', `--auth-secret=${secret}`, '--limits-sessions-per-user=none']
  const hub = await startHubProcess({ dataDirectory, args })
  onTestFinished(() => hub.stop())
  return hub
}

const reading = (grant: object = {}): Promise<string> => grantToken({ subscribe: ['a'], ...grant })

async function follow({ port }: HubProcess, query: string, credential: string): Promise<RawClient> {
  const client = sendRaw(
    port,
    `GET /events?${query} HTTP/1.1\r\nHost: localhost\r\n${credential}\r\n\r\n`,
  )
  onTestFinished(() => void client.socket.destroy())
  await waitUntil('the stream is ready', () => client.text.includes('"session":'))
  return client
}

const bearer = (token: string): string => `Authorization: Bearer ${token}`

/** The data of the published events of a stream; control events carry objects. */
const dataOf = ({ text }: RawClient): readonly string[] =>
  [...text.matchAll(/^data: (?!\{)(.*)$/gm)].map(([, data = '']) => data)

const idOf = ({ text }: RawClient): string => /"session":"([^"]+)"/.exec(text)?.[1] ?? 'none'

interface Ask extends RequestInit {
  readonly token: string
}

async function ask(
  { url }: HubProcess,
  path: string,
  { token, ...init }: Ask,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const headers = { Authorization: `Bearer ${token}` }
  const answer = await fetch(`${url}${path}`, { ...init, headers })
  const text = await answer.text()
  return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) }
}

async function publish(hub: HubProcess, events: readonly object[]): Promise<void> {
  const body = JSON.stringify(events.map((event) => ({ topic: 'a', ...event })))
  const token = await grantToken({ publish: ['a'] })
  expect(await ask(hub, '/publish', { token, method: 'POST', body })).toMatchObject({ status: 200 })
}

const eu = { region: 'eu' }
const events = [
  { data: 'plain' },
  { data: 'eu', tags: eu },
  { data: 'us', tags: { region: 'us' } },
  { data: 'eu for staff', tags: eu, permission: 'staff' },
  { data: 'for staff', permission: 'staff' },
]

test('a token hides events from streams, tickets and histories, at whichever worker', async () => {
  const hub = await start()
  await publish(hub, events)
  const european = await reading({ where: { region: 'eu' } })
  const staff = await reading({ permissions: ['staff'] })
  const both = await reading({ where: { region: ['eu', 'us'] }, permissions: ['staff'] })
  const wanted = [
    [european, ['eu']],
    [staff, ['plain', 'eu', 'us', 'eu for staff', 'for staff']],
    [both, ['eu', 'us', 'eu for staff']],
    [await reading(), ['plain', 'eu', 'us']],
  ] as const
  for (const [token, seen] of wanted) {
    const { body } = await ask(hub, '/topics/a?limit=2', { token })
    const page = body as { records: readonly { data: string }[]; next: string }
    const rest = await ask(hub, `/topics/a?after=${page.next}`, { token })
    const records = [...page.records, ...(rest.body as typeof page).records]
    expect(records.map(({ data }) => data)).toEqual(seen)
    const issued = await ask(hub, '/tickets', { token, method: 'POST' })
    const { ticket } = issued.body as { ticket: string }
    const streams = [
      await follow(hub, 'topic=a&since=earliest', bearer(token)),
      await follow(hub, 'topic=a&since=earliest', bearer(token)),
      await follow(hub, `topic=a&since=earliest&ticket=${ticket}`, 'X-None: 1'),
    ]
    for (const stream of streams) await expect.poll(() => dataOf(stream)).toEqual(seen)
  }
})

test('a query tags an event and names its permission, and a receipt counts those that get it', async () => {
  const hub = await start()
  const streams = [
    await follow(hub, 'topic=a', bearer(await reading({ where: { region: 'eu' } }))),
    await follow(hub, 'topic=a&where=tier:gold', bearer(await reading({ permissions: ['staff'] }))),
    await follow(hub, 'topic=a&types=paid', bearer(await reading())),
  ]
  const token = await grantToken({ publish: ['a'] })
  const send = async (query: string, data: string): Promise<void> => {
    const answer = await ask(hub, `/topics/a?${query}`, { token, method: 'POST', body: data })
    expect(answer.status).toBe(200)
  }
  await send('tag=region:eu', 'one')
  await send('tag=region:eu&tag=tier:gold&permission=staff', 'two')
  await send('type=paid&tag=tier:gold', 'three')
  await send('type=paid&tag=tier:gold&tag=region:eu', 'last')
  await expect
    .poll(() => streams.map(dataOf))
    .toEqual([
      ['one', 'last'],
      ['two', 'three', 'last'],
      ['three', 'last'],
    ])
})

test('a fresh token changes the filter of an open stream, and events to one session keep to it', async () => {
  const hub = await start()
  const stream = await follow(hub, 'topic=a', bearer(await reading({ where: { region: 'eu' } })))
  await publish(hub, [
    { data: 'us hidden', tags: { region: 'us' } },
    { data: 'eu', tags: eu },
  ])
  await expect.poll(() => dataOf(stream)).toEqual(['eu'])
  const token = await reading({ where: { region: 'us' }, permissions: ['staff'] })
  const path = `/sessions/${idOf(stream)}`
  // A new connection each time meets now one worker, now the other.
  const patched = await ask(hub, path, { token, method: 'PATCH', body: JSON.stringify({ token }) })
  expect(patched.status).toBe(204)
  await publish(hub, [
    { data: 'eu hidden', tags: eu },
    { data: 'us', tags: { region: 'us' } },
  ])
  await expect.poll(() => dataOf(stream)).toEqual(['eu', 'us'])
  const sent: unknown[] = []
  for (const query of ['', 'tag=region:eu', 'tag=region:us', 'tag=region:us&permission=ops'])
    sent.push((await ask(hub, `${path}?${query}`, { token, method: 'POST', body: query })).body)
  expect(sent).toEqual([{ sent: false }, { sent: false }, { sent: true }, { sent: false }])
  await expect.poll(() => dataOf(stream)).toEqual(['eu', 'us', 'tag=region:us'])
})
