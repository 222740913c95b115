// A hub that asks who is there, in Chromium and Firefox. Its page asks for a token, and a plain EventSource
// takes a refusal for what it is.

import { mintToken } from '@tidemark/access'
import { waitUntil } from '@tidemark/testkit'
import type { Page } from 'puppeteer-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestHub } from './hubs.ts'
import { Browsers } from './tabs.ts'
import type { Tab } from './tabs.ts'

const secret = 'the secret of the browser tests, 32 bytes or more'

let browsers: Browsers
let hub: TestHub

beforeAll(async () => {
  ;[browsers, hub] = await Promise.all([
    Browsers.launch(),
    TestHub.start(`--auth-secret=${secret}`, '--heartbeat=200ms', '--max-sessions=1'),
  ])
})

afterAll(async () => {
  await Promise.all([browsers.close(), hub.remove()])
})

const sign = (): Promise<string> =>
  mintToken({ secret, sub: 'ada', subscribe: ['orders/*'], publish: ['orders/*'] })

const textOf = (page: Page, id: string): Promise<string> =>
  page.$eval(`#${id}`, (element) => element.textContent ?? '')

async function giveToken(page: Page, token: string): Promise<void> {
  await page.$eval(
    '#token',
    (field, value) => ((field as unknown as { value: string }).value = value),
    token,
  )
  await page.click('#access button')
}

test('the page asks for a token, sends it in a header, and shows events; another token is refused with the reason', async () => {
  for (const [name, page] of await browsers.openPages(`${hub.url}/?topics=orders/1`)) {
    expect(await textOf(page, 'access-hint')).toBe('The hub asks for a token.')
    await waitUntil(`${name} is refused`, async () => (await textOf(page, 'state')) === 'Refused')
    expect(await textOf(page, 'rows')).toContain('It takes credentials to subscribe to "orders/1"')
    await giveToken(page, 'no.such.token')
    await waitUntil(`${name} is refused again`, async () =>
      (await textOf(page, 'access-hint')).startsWith('The hub does not accept this token.'),
    )
    await giveToken(page, await sign())
    await waitUntil(`${name} watches`, async () => (await textOf(page, 'state')) === 'Open')
    await page.$eval('#data', (field) => ((field as unknown as { value: string }).value = 'hi'))
    await page.click('#publish button')
    await waitUntil(`${name} has its event`, async () =>
      (await textOf(page, 'rows')).includes('hi'),
    )
    const urls = await page.evaluate(() => [
      location.href,
      ...performance.getEntriesByType('resource').map((entry) => entry.name),
    ])
    expect(urls.filter((url) => url.includes('token='))).toEqual([])
    await page.close()
  }
})

/** Runs in the page: an EventSource, and how often its connection has failed. */
async function countFailures(url: string): Promise<{ failures: number; state: number }> {
  const source = new EventSource(url)
  let failures = 0
  await new Promise<void>((resolve) => {
    source.addEventListener('error', () => {
      failures += 1
      resolve()
    })
  })
  // Beats of a stream that is let in tell the time: more of it than any browser waits.
  const other = new EventSource(
    `${url}&token=${new URLSearchParams(location.hash.slice(1)).get('t')}`,
  )
  let beats = 0
  await new Promise<void>((resolve) => {
    other.addEventListener('tidemark.beat', () => {
      beats += 1
      if (beats === 40) resolve()
    })
  })
  other.close()
  return { failures, state: source.readyState }
}

test('an EventSource that is refused for good does not come back', async () => {
  const token = await sign()
  for (const [name, page] of await browsers.openPages(`${hub.url}/page.css#t=${token}`)) {
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    const told = await page.evaluate(countFailures, `${hub.url}/events?topic=orders/1`)
    expect({ name, told }).toEqual({ name, told: { failures: 1, state: 2 } })
    expect({ name, asked: asked.filter((url) => !url.includes('token=')) }).toEqual({
      name,
      asked: [`${hub.url}/events?topic=orders/1`],
    })
    await page.close()
  }
})

test.each(['Chromium', 'Firefox'])(
  'an EventSource of %s that is refused for now comes back, and is let in',
  async (name) => {
    const path = `/events?topic=orders/1&token=${await sign()}`
    const tabs = await browsers.openTabs(hub.url)
    const isAsked = ({ browserName }: Tab): boolean => browserName === name.toLowerCase()
    const [waiting, holder] = [tabs.find(isAsked), tabs.find((tab) => !isAsked(tab))]
    if (waiting === undefined || holder === undefined) throw new Error('There are two browsers.')
    await holder.listen(path)
    await holder.untilType('tidemark.ready')
    await waiting.listen(path)
    await waiting.untilType('tidemark.bye')
    expect(await waiting.tell()).toMatchObject({ byes: ['full'], beginnings: [] })
    await holder.close()
    await waiting.untilType('tidemark.ready')
    await waiting.close()
  },
)
