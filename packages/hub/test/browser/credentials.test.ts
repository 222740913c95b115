// Cookies and tickets in real browsers: what happens to a page that signs in, watches, is cut, and signs out.

import { mintToken } from '@tidemark/access'
import { waitUntil } from '@tidemark/testkit'
import type { BrowserName } from '@tidemark/testkit'
import type { Page } from 'puppeteer-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestHub } from './hubs.ts'
import { Browsers, Tab, each } from './tabs.ts'

const secret = 'the secret of the browser tests, 32 bytes or more'

let browsers: Browsers
let hub: TestHub

beforeAll(async () => {
  ;[browsers, hub] = await Promise.all([
    Browsers.launch(),
    TestHub.start(`--auth-secret=${secret}`, '--workers=2'),
  ])
})

afterAll(async () => {
  await Promise.all([browsers.close(), hub.remove()])
})

/** A page of the hub, whose user has signed in with a token of its own. */
interface SignedIn {
  readonly page: Page
  readonly tab: Tab
}

function signFor(sub: string, permissions: readonly string[] = []): Promise<string> {
  return mintToken({ secret, sub, subscribe: ['**'], publish: ['**'], permissions })
}

async function signIn([name, page]: readonly [BrowserName, Page]): Promise<SignedIn> {
  expect(await askForSession(page, 'POST', await signFor(`ada in ${name}`))).toBe(204)
  expect(await page.evaluate(() => document.cookie)).toBe('')
  return { page, tab: new Tab(name, page) }
}

/** A request of the page itself. */
function askForSession(page: Page, method: string, token?: string): Promise<number> {
  return page.evaluate(
    async (way, bearer) => {
      const headers: Record<string, string> =
        bearer === undefined ? {} : { Authorization: `Bearer ${bearer}` }
      return (await fetch('/session', { method: way, headers })).status
    },
    method,
    token,
  )
}

async function publish(topic: string, data: string): Promise<void> {
  const headers = { Authorization: `Bearer ${await signFor('a publisher')}` }
  const response = await fetch(`${hub.url}/topics/${topic}`, {
    method: 'POST',
    headers,
    body: data,
  })
  expect(response.status).toBe(200)
}

/** Ends the newest stream of a page, whose browser then comes back. */
async function cut(page: Page): Promise<void> {
  const id = await page.evaluate(() => {
    const { log } = globalThis as unknown as { log: { seen: { type: string; data: string }[] } }
    const ready = log.seen.findLast(({ type }) => type === 'tidemark.ready')
    return (JSON.parse(ready?.data ?? '{}') as { session: string }).session
  })
  const headers = { Authorization: `Bearer ${await signFor('an operator', ['admin'])}` }
  const { status } = await fetch(`${hub.url}/sessions/${id}`, { method: 'DELETE', headers })
  expect(status).toBe(204)
}

async function isOver(page: Page): Promise<boolean> {
  return page.evaluate(() => {
    const { log } = globalThis as unknown as { log: { source: EventSource } }
    return log.source.readyState === EventSource.CLOSED
  })
}

test.each([
  { path: '/events?topic=cookie', topic: 'cookie', by: 'its cookie' },
  { path: '/tickets/redirect?topic=ticket', topic: 'ticket', by: 'a redirect to a ticket' },
])(
  'a plain EventSource by $by goes on after a cut without a loss, and ends for good with its log-out',
  async ({ path, topic }) => {
    const opened = await browsers.openPages(`${hub.url}/`)
    const pages = await Promise.all(opened.map(signIn))
    const tabs = pages.map(({ tab }) => tab)
    await each(tabs, (tab) => tab.listen(path))
    await each(tabs, (tab) => tab.untilType('tidemark.ready'))
    await publish(topic, 'one')
    await each(tabs, (tab) => tab.untilPublished('one'))
    for (const { page } of pages) await cut(page)
    await publish(topic, 'two')
    await each(tabs, (tab) => tab.untilPublished('two'))
    for (const tab of tabs) {
      expect(await tab.tell()).toMatchObject({
        published: ['one', 'two'],
        beginnings: ['fresh', 'exact'],
        gaps: [],
      })
    }
    for (const { page } of pages) expect(await askForSession(page, 'DELETE')).toBe(204)
    for (const { page, tab } of pages) {
      await tab.untilType('tidemark.bye', 2)
      await waitUntil('the EventSource has given up', () => isOver(page))
      expect((await tab.tell()).byes.at(-1)).toBe('revoked')
      await tab.close()
    }
  },
)
