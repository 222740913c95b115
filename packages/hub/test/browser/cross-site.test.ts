// Another origin's web page cannot publish to a hub on this machine, whatever a real browser lets it send.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { HTTPResponse, Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestHub, publish, readTopic } from './hubs.ts'
import { Browsers } from './tabs.ts'

let browsers: Browsers
let hub: TestHub
let stranger: Server

beforeAll(async () => {
  stranger = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end('<!doctype html><title>Somebody else</title>')
  })
  stranger.listen(0, '127.0.0.1')
  ;[browsers, hub] = await Promise.all([
    Browsers.launch(),
    TestHub.start(),
    once(stranger, 'listening'),
  ])
})

afterAll(async () => {
  stranger.closeAllConnections()
  stranger.close()
  await Promise.all([browsers.close(), hub.remove()])
})

/** The same machine, another port: a browser calls that another origin, yet the same site. */
function strangerUrl(host: string): string {
  return `http://${host}:${(stranger.address() as AddressInfo).port}/`
}

/** Does something on the page; answers the status of the POST it makes. */
async function statusOfPost(page: Page, act: () => Promise<unknown>): Promise<number> {
  const isPost = (response: HTTPResponse): boolean => response.request().method() === 'POST'
  const [response] = await Promise.all([page.waitForResponse(isPost), act()])
  return response.status()
}

describe('a page of another origin in Chromium and Firefox', () => {
  test.each(['127.0.0.1', 'localhost'])('at %s cannot publish with fetch', async (host) => {
    for (const [name, page] of await browsers.openPages(strangerUrl(host))) {
      const status = await statusOfPost(page, () =>
        page.evaluate(
          // A request that needs no preflight: the browser sends it and only hides the answer.
          (url) => fetch(url, { method: 'POST', body: 'forged', mode: 'no-cors' }).then(() => true),
          `${hub.url}/topics/target`,
        ),
      )
      expect({ name, status }).toEqual({ name, status: 403 })
      const outcome = await page.evaluate(
        (url) =>
          fetch(url, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: '{"topic":"target","data":"forged"}',
          }).then(
            (response) => `answered ${response.status}`,
            (error: unknown) => (error instanceof Error ? error.name : 'rejected'),
          ),
        `${hub.url}/publish`,
      )
      expect({ name, outcome }).toEqual({ name, outcome: 'TypeError' })
      await page.close()
    }
    expect(await readTopic(hub.url, 'target')).toEqual([])
  })

  test('cannot publish by sending a form', async () => {
    for (const [name, page] of await browsers.openPages(strangerUrl('127.0.0.1'))) {
      const status = await statusOfPost(page, () =>
        page.evaluate((url) => {
          const form = document.createElement('form')
          Object.assign(form, { method: 'post', action: url, enctype: 'text/plain' })
          const field = document.createElement('input')
          Object.assign(field, { name: '{"topic":"target","data":"', value: '"}' })
          form.append(field)
          document.body.append(form)
          form.submit()
        }, `${hub.url}/publish`),
      )
      expect({ name, status }).toEqual({ name, status: 403 })
      await page.close()
    }
    expect(await readTopic(hub.url, 'target')).toEqual([])
  })

  test.each(['/readyz', '/events?topic=target'])(
    'cannot make the hub work for it by asking for %s',
    async (path) => {
      for (const [name, page] of await browsers.openPages(strangerUrl('localhost'))) {
        const isAsked = (response: HTTPResponse): boolean => response.url().endsWith(path)
        const [response] = await Promise.all([
          page.waitForResponse(isAsked),
          // As an image asks; of that browsers do not report a refusal that is no image.
          page.evaluate((url) => fetch(url, { mode: 'no-cors' }).then(() => true), hub.url + path),
        ])
        expect({ name, status: response.status() }).toEqual({ name, status: 403 })
        await page.close()
      }
    },
  )

  test('while the hub’s own page can', async () => {
    for (const [name, page] of await browsers.openPages(`${hub.url}/`)) {
      const status = await page.evaluate(() =>
        fetch('/topics/own', { method: 'POST', body: 'mine' }).then((response) => response.status),
      )
      expect({ name, status }).toEqual({ name, status: 200 })
      await page.close()
    }
    await publish(hub.url, 'own', 'from a program')
    expect(await readTopic(hub.url, 'own')).toEqual(['mine', 'mine', 'from a program'])
  })
})
