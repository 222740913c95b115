// `@tidemark/client` as a browser loads it, module by module, against the real engine.

import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { memoryLog } from '@tidemark/log'
import { createTidemark } from '@tidemark/server'
import { waitUntil } from '@tidemark/testkit'
import type { Page } from 'puppeteer-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Browsers } from './tabs.ts'

const imports = { '@tidemark/client': '/client/index.js', '@tidemark/wire': '/wire/index.js' }

const pageHtml = `<!doctype html><title>client</title>
<script type="importmap">${JSON.stringify({ imports })}</script>
<script type="module">
  import { connect } from '@tidemark/client'
  globalThis.seen = { data: [], topics: [], states: [] }
  const feed = connect('/events', { topics: ['orders/*'], since: 'earliest' })
  feed.on('tidemark.state', (state) => seen.states.push(state.phase))
  feed.on('paid', (data, event) => {
    seen.data.push(data)
    seen.topics.push(event.topic)
  })
</script>`

const tide = createTidemark({ log: memoryLog(), heartbeatMs: 500 })
let browsers: Browsers
let server: Server

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url?.startsWith('/events') === true) void tide.subscribe(request, response)
    else void serveFile(request, response)
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

/** What the page's script has collected. */
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
