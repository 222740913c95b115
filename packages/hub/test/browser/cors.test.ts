// Real pages of another origin, in Chromium and Firefox. A page whose origin the hub names can do all that a
// client does. A page of any other origin cannot.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mintToken } from '@tidemark/access'
import type { Page } from 'puppeteer-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestHub, readTopic } from './hubs.ts'
import { Browsers } from './tabs.ts'

let browsers: Browsers
let hub: TestHub
let application: Server

beforeAll(async () => {
  application = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html')
    response.end('<!doctype html><title>An application</title>')
  })
  application.listen(0, '127.0.0.1')
  await once(application, 'listening')
  ;[browsers, hub] = await Promise.all([
    Browsers.launch(),
    TestHub.start(`--cors-origins=${applicationOrigin('127.0.0.1')}`),
  ])
})

afterAll(async () => {
  application.closeAllConnections()
  application.close()
  await Promise.all([browsers.close(), hub.remove()])
})

function applicationOrigin(host: string): string {
  return `http://${host}:${(application.address() as AddressInfo).port}`
}

interface Told {
  readonly first: string
  readonly cursor: string
  readonly refused: unknown
  readonly allow: string | null
}

/** Runs in the page: watches, publishes after a preflight, and reads a refusal. */
async function useHub(url: string, topic: string): Promise<Told> {
  const source = new EventSource(`${url}/events?topic=${topic}`)
  const event = (name: string): Promise<MessageEvent<string>> =>
    new Promise((resolve, reject) => {
      source.addEventListener(name, resolve, { once: true })
      source.addEventListener('error', () => reject(new Error('no stream')), { once: true })
    })
  await event('tidemark.ready')
  const came = event('message')
  const answer = await fetch(`${url}/publish`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'Idempotency-Key': topic },
    body: JSON.stringify({ topic, data: 'from another origin' }),
  })
  const { cursor } = (await answer.json()) as { cursor: string }
  const { data: first } = await came
  source.close()
  const refusal = await fetch(`${url}/publish`, { method: 'DELETE' })
  return {
    first,
    cursor,
    refused: await refusal.json(),
    allow: refusal.headers.get('content-type'),
  }
}

/** Runs in the page: how a stream and a publish end. */
async function tryHub(url: string): Promise<readonly string[]> {
  const stream = new Promise<string>((resolve) => {
    const source = new EventSource(`${url}/events?topic=own`)
    source.addEventListener('tidemark.ready', () => resolve('a stream'))
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) resolve('closed for good')
    })
  })
  const publish = fetch(`${url}/publish`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{"topic":"own","data":"forged"}',
  }).then(
    ({ status }) => `answered ${status}`,
    (error: unknown) => (error instanceof Error ? error.name : 'rejected'),
  )
  return Promise.all([stream, publish])
}

async function inBothBrowsers(
  host: string,
  act: (page: Page, name: string) => Promise<void>,
): Promise<void> {
  const pages = await browsers.openPages(applicationOrigin(host))
  for (const [name, page] of pages) {
    await act(page, name)
    await page.close()
  }
}

test('a page of an origin that the hub names watches, publishes and reads refusals', async () => {
  await inBothBrowsers('127.0.0.1', async (page, name) => {
    const told = await page.evaluate(useHub, hub.url, `topics/${name}`)
    expect({ name, told }).toMatchObject({
      name,
      told: {
        first: 'from another origin',
        cursor: expect.any(String),
        refused: { status: 405, code: 'METHOD_NOT_ALLOWED' },
        allow: 'application/problem+json',
      },
    })
  })
})

test('the same page at a name that the hub does not know neither watches nor publishes', async () => {
  await inBothBrowsers('localhost', async (page, name) => {
    const told = await page.evaluate(tryHub, hub.url)
    expect({ name, told }).toEqual({ name, told: ['closed for good', 'TypeError'] })
  })
  expect(await readTopic(hub.url, 'own')).toEqual([])
})

/** Runs in the page: signs in with a token, and then has nothing but the cookie of the hub. */
async function useCookie(url: string, token: string): Promise<readonly string[]> {
  const told: string[] = []
  const ask = async (path: string, init: RequestInit): Promise<void> => {
    const answer = await fetch(url + path, { credentials: 'include', ...init }).then(
      ({ status }) => String(status),
      (error: unknown) => (error instanceof Error ? error.name : 'rejected'),
    )
    told.push(`${init.method ?? 'GET'} ${path} ${answer}`)
  }
  await ask('/session', { method: 'POST', headers: { Authorization: `Bearer ${token}` } })
  const source = new EventSource(`${url}/events?topic=own`, { withCredentials: true })
  const state = await new Promise<string>((resolve) => {
    source.addEventListener('tidemark.ready', () => resolve('a stream'))
    source.addEventListener('error', () => resolve('no stream'))
  })
  source.close()
  told.push(state)
  await ask('/topics/own', { method: 'POST', body: 'by the cookie' })
  await ask('/topics/own', { method: 'POST', body: 'without it', credentials: 'omit' })
  return told
}

test('a page of another origin signs in, watches and publishes by a cookie, where the hub lets it; no other page can', async () => {
  const secret = 'the secret of the browser tests, 32 bytes or more'
  const own = applicationOrigin('127.0.0.1')
  const asking = await TestHub.start(
    `--auth-secret=${secret}`,
    `--cors-origins=${own}`,
    '--cors-credentials',
  )
  const token = await mintToken({ secret, sub: 'ada', subscribe: ['own'], publish: ['own'] })
  try {
    await inBothBrowsers('127.0.0.1', async (page, name) => {
      const told = await page.evaluate(useCookie, asking.url, token)
      expect({ name, told }).toEqual({
        name,
        told: ['POST /session 204', 'a stream', 'POST /topics/own 200', 'POST /topics/own 401'],
      })
    })
    await inBothBrowsers('localhost', async (page, name) => {
      const told = await page.evaluate(useCookie, asking.url, token)
      expect({ name, told }).toEqual({
        name,
        told: [
          'POST /session TypeError',
          'no stream',
          'POST /topics/own TypeError',
          'POST /topics/own TypeError',
        ],
      })
    })
  } finally {
    await asking.remove()
  }
})
