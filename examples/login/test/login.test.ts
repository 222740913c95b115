// The login example as a new user runs it, in real browsers: its pages are clicked, not its functions called.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { browserNames, launchBrowser, waitUntil } from '@tidemark/testkit'
import type { BrowserName } from '@tidemark/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

type Browser = Awaited<ReturnType<typeof launchBrowser>>
type Page = Awaited<ReturnType<Browser['newPage']>>

/** Short, so that a page renews its token during a test. */
const accessTokenSeconds = 8

interface Example {
  readonly child: ChildProcess
  readonly appUrl: string
  readonly otherUrl: string
}

const running = new Set<ChildProcess>()

async function startExample(): Promise<Example> {
  const path = new URL('../server.js', import.meta.url).pathname
  const child = spawn(process.execPath, [path], {
    env: {
      ...process.env,
      PORT: '0',
      OTHER_PORT: '0',
      ACCESS_TOKEN_SECONDS: String(accessTokenSeconds),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text))
  const urls = (): readonly string[] => output.match(/http:\/\/localhost:\d+/g) ?? []
  running.add(child)
  await waitUntil('the example prints its addresses', () => Promise.resolve(urls().length === 2))
  const [appUrl = '', otherUrl = ''] = urls()
  return { child, appUrl, otherUrl }
}

let example: Example
const browsers = new Map<BrowserName, Browser>()

beforeAll(async () => {
  ;[example] = await Promise.all([
    startExample(),
    ...browserNames.map(async (name) => void browsers.set(name, await launchBrowser(name))),
  ])
})

afterAll(async () => {
  await Promise.all([...browsers.values()].map((browser) => browser.close()))
  const alive = [...running].filter(({ exitCode }) => exitCode === null)
  const ended = alive.map((child) => once(child, 'exit'))
  for (const child of alive) child.kill('SIGTERM')
  await Promise.all(ended)
})

/** A visitor of their own: no cookie of another test. */
async function visit(name: BrowserName, urls: readonly string[]): Promise<readonly Page[]> {
  const context = await browsers.get(name)?.createBrowserContext()
  if (context === undefined) throw new Error(`${name} has not been launched.`)
  return Promise.all(
    urls.map(async (url) => {
      const page = await context.newPage()
      await page.goto(url)
      return page
    }),
  )
}

async function signIn(page: Page, user: string, password: string): Promise<void> {
  // Asked again and again: a wait inside the page looks only when Chromium draws, and a tab behind
  // another is not drawn.
  await waitUntil('the page shows its form', () => page.evaluate(hasForm))
  await page.evaluate(
    (name, secret) => {
      const form = document.querySelector<HTMLFormElement>('#login')
      const fill = (field: string, value: string): void => {
        const input = form?.querySelector<HTMLInputElement>(`[name=${field}]`)
        if (input) input.value = value
      }
      fill('user', name)
      fill('password', secret)
      form?.requestSubmit()
    },
    user,
    password,
  )
}

/** In the page. */
const hasForm = (): boolean => document.querySelector('#login:not([hidden])') !== null

const ada = ['ada', 'analytical-engine'] as const
const grace = ['grace', 'nanosecond'] as const

const stateOf = (page: Page): Promise<string> =>
  page.evaluate(() => document.querySelector('#state')?.textContent ?? '')

const notesOf = (page: Page): Promise<readonly string[]> =>
  page.evaluate(() => [...document.querySelectorAll('#notes li')].map((li) => li.textContent ?? ''))

async function untilState(page: Page, wanted: string): Promise<void> {
  let state = ''
  await waitUntil(`the page says ${wanted}`, async () => (state = await stateOf(page)) === wanted, {
    watch: () => state,
  })
}

async function untilNotes(page: Page, wanted: readonly string[]): Promise<void> {
  let notes: readonly string[] = []
  await waitUntil(
    `the page shows ${wanted.join()}`,
    async () => (notes = await notesOf(page)).length >= wanted.length,
    { watch: () => notes.length },
  )
  expect(notes).toEqual(wanted)
}

async function publishNote(page: Page, text: string): Promise<void> {
  await page.evaluate((value) => {
    const form = document.querySelector<HTMLFormElement>('#note')
    const input = form?.querySelector<HTMLInputElement>('[name=text]')
    if (input) input.value = value
    form?.requestSubmit()
  }, text)
}

const click = (page: Page, id: string): Promise<void> =>
  page.evaluate((name) => document.querySelector<HTMLElement>(`#${name}`)?.click(), id)

const countOf = (page: Page, what: 'opened' | 'renewed'): Promise<number> =>
  page.evaluate(
    (name) => Number(document.querySelector<HTMLElement>('#state')?.dataset[name] ?? 0),
    what,
  )

// Each has an application of its own, so that nobody reads the notes of another browser.
describe.concurrent.each(browserNames)('in %s', (name) => {
  test('a visitor without a session gets a form, and a wrong password opens nothing', async () => {
    const example = await startExample()
    const [home] = await visit(name, [example.appUrl])
    if (home === undefined) throw new Error('There is no page.')
    await untilState(home, 'signed out')
    await signIn(home, 'ada', 'wrong')
    await untilState(home, 'User or password is wrong.')
    await signIn(home, '__proto__', 'wrong')
    await untilState(home, 'User or password is wrong.')
  })

  test('a user signs in, gets their own notes and nobody else’s, also after a reload, until they sign out', async () => {
    const example = await startExample()
    const [mine, also] = await visit(name, [example.appUrl, example.appUrl])
    const [hers] = await visit(name, [example.appUrl])
    if (mine === undefined || also === undefined || hers === undefined) throw new Error('No page.')
    await signIn(mine, ...ada)
    await signIn(hers, ...grace)
    await Promise.all([untilState(mine, 'open'), untilState(hers, 'open')])
    await also.reload()
    await untilState(also, 'open')
    await publishNote(mine, 'one')
    await publishNote(hers, 'not yours')
    await publishNote(mine, 'two')
    await Promise.all([untilNotes(mine, ['one', 'two']), untilNotes(also, ['one', 'two'])])
    await untilNotes(hers, ['not yours'])
    // Signing out in one tab ends the stream of the other.
    await click(mine, 'logout')
    await Promise.all([untilState(mine, 'signed out'), untilState(also, 'signed out')])
    expect(await stateOf(hers)).toBe('open')
  })

  test('a page of another origin keeps one stream open while its tokens end and are renewed', async () => {
    const example = await startExample()
    const [home] = await visit(name, [example.appUrl])
    const [other, also] = await visit(name, [example.otherUrl, example.otherUrl])
    if (home === undefined || other === undefined || also === undefined) throw new Error('No page.')
    await signIn(home, ...ada)
    await signIn(other, ...ada)
    await Promise.all([untilState(home, 'open'), untilState(other, 'open')])
    const sent: string[] = []
    let done = 0
    // Longer than the life of an access token.
    await waitUntil(
      'the page renews its token three times',
      async () => {
        sent.push(String(sent.length))
        await publishNote(home, String(sent.length - 1))
        await untilNotes(other, sent)
        done = await countOf(other, 'renewed')
        return done >= 3
      },
      { watch: () => done },
    )
    expect(await countOf(other, 'opened')).toBe(1)
    // A reload, and another tab, have the refresh token only.
    await Promise.all([other.reload(), also.reload()])
    await Promise.all([untilState(other, 'open'), untilState(also, 'open')])
    // Signing out ends the stream of the other tab too. Its token is still good, and opens no other.
    await click(other, 'logout')
    await Promise.all([untilState(other, 'signed out'), untilState(also, 'signed out')])
    await other.reload()
    await untilState(other, 'signed out')
    expect(await stateOf(home)).toBe('open')
  })

  test('a plain EventSource of another origin uses the session of the application', async () => {
    const example = await startExample()
    const [home, other] = await visit(name, [example.appUrl, example.otherUrl])
    if (home === undefined || other === undefined) throw new Error('There is no page.')
    await untilState(other, 'signed out')
    await click(other, 'cookie')
    await untilState(other, 'Sign in first.')
    await signIn(home, ...grace)
    await untilState(home, 'open')
    await click(other, 'cookie')
    await untilState(other, 'open')
    await publishNote(home, 'hello over there')
    await untilNotes(other, ['hello over there'])
    await click(home, 'logout')
    await Promise.all([untilState(home, 'signed out'), untilState(other, 'signed out')])
  })
})

interface Answer {
  readonly status: number
  readonly cookies: readonly string[]
  readonly origin: string | null
  readonly body: Readonly<Record<string, unknown>>
}

async function send(
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(example.appUrl + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
  return {
    status: response.status,
    cookies: response.headers.getSetCookie(),
    origin: response.headers.get('access-control-allow-origin'),
    body: (await response.json()) as Answer['body'],
  }
}

const pairOf = (answer: Answer): string => answer.cookies[0]?.split(';')[0] ?? ''
const form = { user: ada[0], password: ada[1] }

test('cookies are for this site only, and for no script', async () => {
  const [session, refresh] = await Promise.all([send('/login', form), send('/token', form)])
  expect(session.cookies).toEqual([
    expect.stringMatching(/^session=[\w-]{43}; HttpOnly; SameSite=Lax; Path=\/; Max-Age=28800$/),
  ])
  expect(refresh.cookies).toEqual([
    expect.stringMatching(
      /^refresh=[\w.-]+; HttpOnly; SameSite=Lax; Path=\/token; Max-Age=2592000$/,
    ),
  ])
  expect(JSON.stringify([session.body, refresh.body])).not.toContain(pairOf(refresh).slice(8))
})

test('a page of an origin that is not named can do nothing with the cookies of its visitor', async () => {
  const cookie = pairOf(await send('/login', form))
  for (const origin of ['https://evil.example', 'null', `${example.appUrl}.evil.example`]) {
    const answer = await send('/notes', { text: 'forged' }, { cookie, origin })
    expect(answer).toMatchObject({ status: 403, origin: null })
  }
  const url = `${example.appUrl}/events?topic=users/ada/**`
  const stream = await fetch(url, { headers: { cookie, origin: 'https://evil.example' } })
  expect(stream.status).toBe(403)
  await stream.body?.cancel()
})

test('a session that has ended opens nothing, and nobody gets the topics of another', async () => {
  const cookie = pairOf(await send('/login', form))
  const open = async (topic: string): Promise<number> => {
    const headers = { cookie, accept: 'application/problem+json, text/event-stream' }
    const response = await fetch(`${example.appUrl}/events?topic=${topic}`, { headers })
    await response.body?.cancel()
    return response.status
  }
  expect(await open('users/ada/notes')).toBe(200)
  expect(await open('users/grace/notes')).toBe(403)
  expect(await open('**')).toBe(403)
  await send('/logout', {}, { cookie })
  expect(await open('users/ada/notes')).toBe(401)
})

test('a refresh token that comes a second time is stolen, and ends all that came from its login', async () => {
  const first = pairOf(await send('/token', form))
  const second = await send('/token/refresh', {}, { cookie: first })
  expect(second.status).toBe(200)
  // Within seconds it is another tab, or an answer that was lost: it gets the same next token.
  const again = await send('/token/refresh', {}, { cookie: first })
  expect(pairOf(again)).toBe(pairOf(second))
  const third = await send('/token/refresh', {}, { cookie: pairOf(second) })
  expect(third.status).toBe(200)
  const stolen = await send('/token/refresh', {}, { cookie: first })
  expect(stolen).toMatchObject({ status: 401 })
  expect(await send('/token/refresh', {}, { cookie: pairOf(third) })).toMatchObject({ status: 401 })
  for (const forged of ['refresh=', 'refresh=a.1.b', first.replace('.1.', '.9.'), 'other=1']) {
    expect(await send('/token/refresh', {}, { cookie: forged })).toMatchObject({ status: 401 })
  }
})

test('a refusal takes no cookie away, because another tab may have signed in meanwhile', async () => {
  const ended = pairOf(await send('/token', form))
  await send('/token/revoke', {}, { cookie: ended })
  for (const headers of [{}, { cookie: ended }, { cookie: 'refresh=a.1.b' }]) {
    const answer = await send('/token/refresh', {}, headers)
    expect(answer).toMatchObject({ status: 401, cookies: [] })
  }
})

test.each([
  [{ 'Content-Type': 'text/plain' }, '{}', 415],
  [{ 'Content-Type': 'application/json' }, '{', 400],
  [{ 'Content-Type': 'application/json' }, '{"user":{"length":1}}', 400],
  [{ 'Content-Type': 'application/json' }, JSON.stringify({ user: 'x'.repeat(20_000) }), 413],
])('a body that is no form is refused (%j)', async (headers, body, status) => {
  const response = await fetch(`${example.appUrl}/login`, { method: 'POST', headers, body })
  expect(response.status).toBe(status)
})

test('no file beside the pages and the client can be read', async () => {
  for (const path of [
    '/modules/client/../../package.json',
    '/modules/client/%2e%2e/x.js',
    '/app.js',
    '/constructor',
  ]) {
    expect((await fetch(example.appUrl + path)).status).toBe(404)
  }
})

test('the example leaves when it is asked to, with its streams open', async () => {
  const own = await startExample()
  const response = await fetch(`${own.appUrl}/login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(form),
  })
  const cookie = response.headers.getSetCookie()[0]?.split(';')[0] ?? ''
  const stream = await fetch(`${own.appUrl}/events?topic=news`, { headers: { cookie } })
  expect(stream.status).toBe(200)
  const ended = once(own.child, 'exit')
  own.child.kill('SIGTERM')
  expect(await ended).toEqual([0, null])
  await stream.text().catch(() => '')
})
