// `@tidemark/client` as a browser loads it, module by module, against the real engine.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { connect as connectFeed, createClient as createFeeds } from '@tidemark/client'
import { memoryLog } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import { waitUntil } from '@tidemark/testkit'
import type { Page } from 'puppeteer-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Browsers } from './tabs.ts'

const imports = {
  '@tidemark/client': '/client/index.js',
  '@tidemark/wire': '/wire/index.js',
  '@tidemark/wire/values': '/wire/values.js',
}

const pageHtml = `<!doctype html><title>client</title>
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module">
  import { connect, createClient } from '@tidemark/client'
  Object.assign(globalThis, { connect, createClient })
  globalThis.seen = { data: [], topics: [], states: [] }
  const feed = connect('/events', { topics: ['orders/*'], since: 'earliest' })
  feed.on('tidemark.state', (state) => seen.states.push(state.phase))
  feed.on('paid', (data, event) => {
    seen.data.push(data)
    seen.topics.push(event.topic)
  })
</script>`

/** One request for a path of `answers`; the query tells the browsers apart. */
interface Visit {
  readonly path: string
  readonly at: number
  readonly id: string | string[] | undefined
}

const visits = new Map<string, Visit[]>()

const visitsOf = (search: string): readonly Visit[] => visits.get(search) ?? []

/** The topics of every request for a stream of the engine. */
const subscriptions: string[][] = []

type Answer = (response: ServerResponse, visit: Visit, search: string) => void

const redirectTo =
  (path: string): Answer =>
  (response, _visit, search) =>
    void response.writeHead(307, { Location: `${path}${search}` }).end()

const answers: Readonly<Record<string, Answer>> = {
  '/moved': redirectTo('/odd'),
  '/loop': redirectTo('/loop'),
  // An id that no header can carry, and an end, until somebody comes without it a second time.
  '/odd': (response, _visit, search) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    if (visitsOf(search).filter(({ path }) => path === '/odd').length < 2)
      response.end('id: a\u0001b\ndata: 1\n\n')
    else response.write('id: c2\ndata: 2\n\n')
  },
}

const tide = createTidemark({ authorize: 'everyone', log: memoryLog(), heartbeatMs: 500 })
let browsers: Browsers
let server: Server

beforeAll(async () => {
  server = createServer((request, response) => {
    const { pathname, search, searchParams } = new URL(request.url ?? '/', 'http://localhost')
    if (pathname === '/events') subscriptions.push(searchParams.getAll('topic'))
    const answer = answers[pathname]
    if (pathname === '/events') void tide.subscribe(request, response)
    else if (answer === undefined) void serveFile(request, response)
    else {
      const visit = { path: pathname, at: performance.now(), id: request.headers['last-event-id'] }
      visits.set(search, [...(visits.get(search) ?? []), visit])
      answer(response, visit, search)
    }
  }).listen(0, '127.0.0.1')
  ;[browsers] = await Promise.all([Browsers.launch(), once(server, 'listening')])
})

afterAll(async () => {
  await browsers.close()
  await tide.close()
  server.closeAllConnections()
  server.close()
})

async function serveFile({ url = '/' }: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, room = '', name = ''] = /^\/(client|wire)\/([\w-]+\.js)$/.exec(url) ?? []
  if (room === '') {
    response.setHeader('Content-Type', 'text/html').end(pageHtml)
    return
  }
  response.setHeader('Content-Type', 'text/javascript')
  response.end(await readFile(new URL(`../../../${room}/dist/${name}`, import.meta.url)))
}

/** The events and states that the page's script has collected. */
interface Seen {
  readonly data: readonly unknown[]
  readonly topics: readonly string[]
  readonly states: readonly string[]
}

const readSeen = (page: Page): Promise<Seen> =>
  page.evaluate(() => (globalThis as unknown as { seen: Seen }).seen)

test('it decodes, survives a cut and resumes exactly, in Chromium and Firefox', async () => {
  const { port } = server.address() as AddressInfo
  await tide.publish('orders/1', { type: 'paid', data: { total: 1, note: 'grüße 🌊' } })
  const pages = await browsers.openPages(`http://127.0.0.1:${port}/`)
  const haveSeen = (count: number) => async (): Promise<boolean> => {
    const all = await Promise.all(pages.map(([, page]) => readSeen(page)))
    return all.every(({ data }) => data.length >= count)
  }
  await waitUntil('both have the first event', haveSeen(1))
  server.closeAllConnections()
  await tide.publish('orders/2', { type: 'paid', data: { total: 2 } })
  await waitUntil('both are back', haveSeen(2))
  await tide.publish('orders/3', { type: 'paid', data: 'text' })
  await waitUntil('both have the last event', haveSeen(3))
  for (const [name, page] of pages) {
    const { data, topics, states } = await readSeen(page)
    expect({ name, data, topics }).toEqual({
      name,
      data: [{ total: 1, note: 'grüße 🌊' }, { total: 2 }, 'text'],
      topics: ['orders/1', 'orders/2', 'orders/3'],
    })
    expect(states).toContain('waiting')
    expect(states.at(-1)).toBe('open')
  }
})

test('one client has its feeds on one stream, and a store for a view, in Chromium and Firefox', async () => {
  const { port } = server.address() as AddressInfo
  const pages = await browsers.openPages(`http://127.0.0.1:${port}/?one-client`)
  await Promise.all(pages.map(([name, page]) => page.evaluate(beginFeeds, name)))
  const told = (page: Page): Promise<Told> =>
    page.evaluate(() => (globalThis as unknown as { told: Told }).told)
  const areAll = (is: (told: Told) => boolean) => async (): Promise<boolean> =>
    (await Promise.all(pages.map(([, page]) => told(page)))).every(is)
  await waitUntil(
    'the feeds are open',
    areAll(({ phases }) => phases.join() === 'open,open'),
  )
  server.closeAllConnections()
  for (const [name] of pages) {
    await tide.publish(`views/${name}`, { data: { n: 1 } })
    await tide.publish(`notes/${name}`, { data: 'note' })
  }
  await waitUntil(
    'both feeds have theirs',
    areAll(({ data }) => data.length === 2),
  )
  for (const [name, page] of pages) {
    expect({ name, told: await told(page) }).toMatchObject({
      name,
      told: { data: [{ n: 1 }, 'note'], isSame: true },
    })
    const streams = subscriptions.filter((topics) => topics.includes(`views/${name}`))
    // One stream of both, and the same again after the cut.
    expect({ name, streams }).toEqual({
      name,
      streams: [
        [`views/${name}`, `notes/${name}`],
        [`views/${name}`, `notes/${name}`],
      ],
    })
  }
  // A browser opens six connections per origin, and each page here keeps two.
  await Promise.all(pages.map(([, page]) => page.close()))
})

test('events that were compressed one by one are opened, by the client and by a plain EventSource, in Chromium and Firefox', async () => {
  const { port } = server.address() as AddressInfo
  const long = JSON.stringify({ note: 'grüße 🌊 '.repeat(1_000) })
  await tide.publishAll(
    [long, 'short', long].map((data) => ({ topic: 'packed', type: 'report', data })),
  )
  const pages = await browsers.openPages(`http://127.0.0.1:${port}/?packed`)
  const opened = await Promise.all(pages.map(([, page]) => page.evaluate(readPacked)))
  for (const { byClient, byEventSource, arePacked } of opened) {
    expect(byClient).toEqual([long, 'short', long])
    expect(byEventSource).toEqual([long, 'short', long])
    expect(arePacked).toEqual([true, false, true])
  }
  await Promise.all(pages.map(([, page]) => page.close()))
})

interface Opened {
  readonly byClient: readonly string[]
  readonly byEventSource: readonly string[]
  readonly arePacked: readonly boolean[]
}

/** Runs in the page: what a client opens, and what a page opens by itself. */
async function readPacked(): Promise<Opened> {
  const { connect } = globalThis as unknown as { connect: typeof connectFeed }
  const byClient: string[] = []
  const feed = connect('/events', { topics: ['packed'], since: 'earliest', compress: 'event' })
  for await (const { text } of feed) if (byClient.push(text) === 3) break
  const came = await new Promise<string[]>((resolve) => {
    const texts: string[] = []
    const source = new EventSource('/events?topic=packed&since=earliest&compress=event')
    source.addEventListener('report', ({ data }) => {
      if (texts.push(String(data)) < 3) return
      source.close()
      resolve(texts)
    })
  })
  const arePacked = came.map((text) => text.startsWith('{"encoding":"gzip+base64","data":"'))
  const byEventSource = await Promise.all(
    came.map(async (text, i) => {
      if (!arePacked[i]) return text
      const { data } = JSON.parse(text) as { data: string }
      const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0))
      const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))
      return new Response(stream).text()
    }),
  )
  return { byClient, byEventSource, arePacked }
}

interface Told {
  readonly phases: readonly string[]
  readonly data: readonly unknown[]
  readonly isSame: boolean
}

/** Runs in the page: a store and a listener, on one client. */
function beginFeeds(name: string): void {
  const page = globalThis as unknown as { createClient: typeof createFeeds; told: unknown }
  const client = page.createClient('/')
  const [view, notes] = [client.feed([`views/${name}`]), client.feed([`notes/${name}`])]
  const told = { phases: ['', ''], data: [] as unknown[], isSame: true }
  page.told = told
  const { subscribe, getSnapshot } = view
  subscribe(() => {
    const { state, event } = getSnapshot()
    told.isSame &&= getSnapshot() === getSnapshot()
    told.phases[0] = state.phase
    if (event !== undefined) told.data[0] = event.data
  })
  notes.on('tidemark.state', ({ phase }) => (told.phases[1] = phase))
  notes.on('message', (data) => (told.data[1] = data))
}

test('a redirect, which no page may look into, is followed, and an id that no header carries is told as a gap', async () => {
  const { port } = server.address() as AddressInfo
  const pages = await browsers.openPages(`http://127.0.0.1:${port}/`)
  await Promise.all(pages.map(([name, page]) => page.evaluate(collect, `/moved?${name}`)))
  for (const [name, page] of pages) {
    const told = await page.evaluate(() => (globalThis as unknown as { told: unknown }).told)
    expect({ name, told }).toEqual({
      name,
      told: ['1', { from: 'a\u0001b', to: '', reason: 'unsendable' }, '2'],
    })
    const seen = visitsOf(`?${name}`)
    // The look, and the browser's own way, for each of two connections.
    const way = ['/moved', '/moved', '/odd']
    expect(seen.map(({ path }) => path)).toEqual([...way, ...way])
    expect(seen.every(({ id }) => id === undefined)).toBe(true)
  }
})

/** Runs in the page: what a feed tells until the event `2`. */
async function collect(url: string): Promise<void> {
  const { connect } = globalThis as unknown as { connect: Connect }
  const told: unknown[] = []
  Object.assign(globalThis, { told })
  const feed = connect(url)
  feed.on('tidemark.gap', (gap) => told.push(gap))
  for await (const { text } of feed) {
    told.push(text)
    if (text === '2') return
  }
}

type Connect = typeof connectFeed

test('a redirect loop of a browser is paid for: 4 requests per second with all that it asks by itself', async () => {
  const { port } = server.address() as AddressInfo
  const pages = await browsers.openPages(`http://127.0.0.1:${port}/`)
  const searches = pages.map(([name]) => `?loop-${name}`)
  await Promise.all(
    pages.map(([name, page]) =>
      page.evaluate((url) => {
        const { connect } = globalThis as unknown as { connect: Connect }
        connect(url)
      }, `/loop?loop-${name}`),
    ),
  )
  const hasAskedAgain = (search: string): boolean => secondAttempt(visitsOf(search)) !== undefined
  await waitUntil('both have asked again', () => searches.every(hasAskedAgain))
  for (const search of searches) {
    const seen = visitsOf(search)
    const again = secondAttempt(seen) ?? 0
    const seconds = ((seen[again]?.at ?? 0) - (seen[0]?.at ?? 0)) / 1000
    expect({ search, perSecond: again / seconds, requests: again }).toMatchObject({
      search,
      requests: expect.toSatisfy((count: number) => count >= 3 && count <= 22),
      perSecond: expect.toSatisfy((rate: number) => rate <= 4),
    })
  }
  await Promise.all(pages.map(([, page]) => page.close()))
})

/** Where the first pause is. A browser's own requests follow each other in milliseconds. */
function secondAttempt(seen: readonly Visit[]): number | undefined {
  const index = seen.findIndex(({ at }, i) => i > 0 && at - (seen[i - 1]?.at ?? 0) > 2_000)
  return index < 0 ? undefined : index
}
