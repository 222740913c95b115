// A hub that asks who is there. Nothing is for everybody but what must be, whichever key it checks tokens
// with, in one process and in several.

import { chmod, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { listChildren, startHubProcess, waitUntil } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import { describeExposure } from '../src/exposure.ts'
import { loadConfig, startHub } from '../src/index.ts'
import { exchange } from './support/raw.ts'
import { makeDirectory, startTestHub } from './support/test-hub.ts'
import { grantToken, makeIssuer, secret, signToken } from './support/tokens.ts'

const bearer = (token: string): Readonly<Record<string, string>> => ({
  Authorization: `Bearer ${token}`,
})

/** The status of asking for a stream; its body is not read. */
async function watch(url: string, topic: string, headers = {}): Promise<number> {
  const leaving = new AbortController()
  // On a connection of its own: one that a refusal has left open would lead to the same worker again.
  const answer = await fetch(`${url}/events?topic=${topic}`, {
    headers: { ...headers, Connection: 'close' },
    signal: leaving.signal,
  })
  leaving.abort()
  return answer.status
}

test('words of a token are the permissions that the hub knows them by, and clocks may differ as it says', async () => {
  const directory = await makeDirectory()
  const auth = {
    secret,
    claims: { permissions: 'app.roles' },
    roles: [{ role: 'operator', permissions: ['admin'] }],
    clockTolerance: '2m',
  }
  await writeFile(
    join(directory, 'tidemark.config.json'),
    JSON.stringify({ port: 0, data: 'memory:', auth }),
  )
  const config = loadConfig({ flags: {}, env: {}, directory })
  const hub = await startHub(config, { onLine: () => undefined })
  onTestFinished(() => hub.close())
  const statusOf = async (roles: readonly string[], seconds?: number): Promise<number> => {
    const token = await signToken({ claims: { app: { roles } }, ...(seconds && { seconds }) })
    return (await fetch(`${hub.url}/stats`, { headers: bearer(token) })).status
  }
  expect(await statusOf(['reader', 'operator'])).toBe(200)
  // Only what is listed counts, or a service could say `admin` for something else.
  expect(await statusOf(['admin'])).toBe(403)
  expect(await statusOf(['operator'], -60)).toBe(200)
  expect(await statusOf(['operator'], -180)).toBe(401)
})

describe('locked by default', () => {
  test('with a key nothing is for everybody but the probes, the page and its files', async () => {
    const { url } = await startTestHub({ 'auth-secret': secret })
    const statuses = async (paths: readonly string[]): Promise<readonly number[]> =>
      Promise.all(paths.map(async (path) => (await fetch(url + path)).status))
    const open = ['/livez', '/health', '/readyz', '/', '/page.js', '/page.css', '/access.js']
    expect(await statuses(open)).toEqual(open.map(() => 200))
    const closed = [
      '/events?topic=a',
      '/topics/a',
      '/stats',
      '/admin/explain',
      '/events?topic=$hub/probe',
    ]
    expect(await statuses(closed)).toEqual(closed.map(() => 401))
    const publish = await fetch(`${url}/topics/a`, { method: 'POST', body: 'x' })
    expect(publish.status).toBe(401)
    const publishAll = await fetch(`${url}/publish`, {
      method: 'POST',
      body: '{"topic":"a","data":1}',
    })
    expect(publishAll.status).toBe(401)
  })

  test('the page of such a hub asks for a token, and that of another one does not', async () => {
    const asking = await startTestHub({ 'auth-secret': secret })
    expect(await (await fetch(asking.url)).text()).toContain('<html lang="en" data-locked>')
    const open = await startTestHub()
    expect(await (await fetch(open.url)).text()).toContain('<html lang="en">')
  })

  test('a valid token that grants nothing may watch what is its user’s, and nothing else', async () => {
    const { url } = await startTestHub({ 'auth-secret': secret })
    const headers = bearer(await signToken())
    expect(await watch(url, 'users/ada/orders', headers)).toBe(200)
    expect(await watch(url, 'users/ada/**', headers)).toBe(200)
    for (const topic of ['users/eve/orders', 'users/*/orders', 'users/ada', '**', 'news'])
      expect([topic, await watch(url, topic, headers)]).toEqual([topic, 403])
    const answer = await fetch(`${url}/topics/users/ada/x`, { method: 'POST', body: 'x', headers })
    expect(answer.status).toBe(403)
  })

  test('visitors get what `anonymous` names', async () => {
    const { url } = await startTestHub({
      'auth-secret': secret,
      'anonymous-subscribe': 'public/**,news',
      'anonymous-publish': 'guestbook',
    })
    expect(await watch(url, 'public/a')).toBe(200)
    expect(await watch(url, 'news')).toBe(200)
    expect(await watch(url, 'private')).toBe(401)
    const publish = (topic: string): Promise<Response> =>
      fetch(`${url}/topics/${topic}`, { method: 'POST', body: 'x' })
    expect((await publish('guestbook')).status).toBe(200)
    expect((await publish('news')).status).toBe(401)
    // A token that does not hold makes nobody a visitor.
    expect(await watch(url, 'public/a', bearer('x.y.z'))).toBe(401)
  })

  test('`anonymous` alone is a choice too: the hub may leave loopback, and does no more than it names', async () => {
    const { port } = await startTestHub({ host: '0.0.0.0', 'anonymous-subscribe': 'public/**' })
    const url = `http://127.0.0.1:${port}`
    expect(await watch(url, 'public/a')).toBe(200)
    expect(await watch(url, 'private')).toBe(401)
    expect((await fetch(`${url}/.well-known/oauth-protected-resource`)).status).toBe(404)
  })

  test('it answers to any name, because it is asked by one beyond loopback', async () => {
    const { port } = await startTestHub({ host: '0.0.0.0', 'auth-secret': secret })
    const head = `Host: hub.example.org\r\nConnection: close\r\nAuthorization: Bearer ${await signToken()}\r\n`
    const answer = await exchange(port, [`HEAD /events?topic=users/ada/a HTTP/1.1\r\n${head}\r\n`])
    expect(answer.status).toBe(200)
  })

  test('an operator is told where tokens travel unencrypted, and where those of others are taken', async () => {
    const hub = await startTestHub({ host: '0.0.0.0', 'auth-secret': secret })
    expect(hub.lines.join()).toContain('tokens and events travel unencrypted to 0.0.0.0')
    const { url } = await serveKeys(async () => (await makeIssuer('one')).jwks)
    const shared = await startTestHub({ 'auth-jwks': url, 'auth-issuer': url })
    expect(shared.lines.join()).toContain('has made for other applications are accepted too')
  })
})

describe('a token', () => {
  test.each<[string, (token: string) => [string, Readonly<Record<string, string>>]]>([
    ['in a header', (token) => ['', bearer(token)]],
    ['in a cookie', (token) => ['', { Cookie: `a=b; tidemark=${token}` }]],
    ['in the query', (token) => [`?token=${token}`, {}]],
  ])('%s lets in at every route', async (_, bring) => {
    const { url } = await startTestHub({ 'auth-secret': secret })
    const token = await grantToken({
      subscribe: ['orders/*'],
      publish: ['orders/*'],
      permissions: ['admin'],
    })
    const [query, headers] = bring(token)
    const own = { ...headers, Origin: url, 'Sec-Fetch-Site': 'same-origin' }
    const join = (path: string): string =>
      url + path + (path.includes('?') ? query.replace('?', '&') : query)
    const asked: readonly [string, RequestInit][] = [
      ['/topics/orders/1', { method: 'POST', body: 'x' }],
      ['/publish', { method: 'POST', body: '{"topic":"orders/1","data":1}' }],
      ['/topics/orders/1', {}],
      ['/events?topic=orders/1', { method: 'HEAD' }],
      ['/stats', {}],
      ['/admin/explain', {}],
    ]
    for (const [path, init] of asked) {
      const answer = await fetch(join(path), { ...init, headers: own })
      expect([path, answer.status, answer.ok ? '' : await answer.text()]).toEqual([path, 200, ''])
    }
  })

  test('counts only where the settings look for one', async () => {
    const { url } = await startTestHub({
      'auth-secret': secret,
      'auth-sources': 'cookie',
      'auth-cookie': '__Host-session',
    })
    const token = await signToken()
    const topic = 'users/ada/a'
    expect(await watch(url, topic, { Cookie: `__Host-session=${token}` })).toBe(200)
    expect(await watch(url, topic, { Cookie: `tidemark=${token}` })).toBe(401)
    expect(await watch(url, topic, bearer(token))).toBe(401)
    expect(await watch(url, `${topic}&token=${token}`)).toBe(401)
  })

  test('gives the user, the permissions and the grant by claims of other names', async () => {
    const { url } = await startTestHub({
      'auth-secret': secret,
      'auth-claims': 'user=userId,permissions=role,grant=may',
    })
    const claims = { userId: 'u7', role: 'admin', may: { subscribe: ['{sub}/**'] } }
    const headers = bearer(await signToken({ claims }))
    expect(await watch(url, 'u7/a', headers)).toBe(200)
    expect(await watch(url, 'ada/a', headers)).toBe(403)
    expect((await fetch(`${url}/stats`, { headers })).status).toBe(200)
  })

  test('of a file of keys, of a public key and of several issuers is checked with its own key only', async () => {
    const directory = await makeDirectory()
    const [one, two] = await Promise.all([makeIssuer('one'), makeIssuer('two')])
    await writeFile(join(directory, 'one.json'), one.jwks)
    await writeFile(join(directory, 'two.pem'), two.pem)
    await writeFile(join(directory, 'three.secret'), `${secret}\n`)
    const issuers = [
      { issuer: 'one', jwks: 'one.json' },
      { issuer: 'two', publicKey: 'two.pem', audience: ['hub'] },
      { issuer: 'three', secret: '@three.secret' },
    ]
    await writeFile(join(directory, 'tidemark.config.json'), JSON.stringify({ auth: { issuers } }))
    const config = loadConfig({ flags: { port: '0', data: 'memory:' }, env: {}, directory })
    const hub = await startHub(config, { onLine: () => undefined })
    onTestFinished(() => hub.close())
    const ask = async (token: Promise<string>): Promise<number> =>
      watch(hub.url, 'users/ada/a', bearer(await token))
    expect(await ask(one.sign({ iss: 'one' }))).toBe(200)
    expect(await ask(two.sign({ iss: 'two', aud: ['hub', 'other'] }))).toBe(200)
    expect(await ask(signToken({ claims: { iss: 'three' } }))).toBe(200)
    expect(await ask(two.sign({ iss: 'two', aud: 'other' }))).toBe(401)
    expect(await ask(two.sign({ iss: 'one' }))).toBe(401)
    expect(await ask(one.sign({ iss: 'three' }))).toBe(401)
    expect(await ask(one.sign({}))).toBe(401)
  })
})

interface Keys {
  readonly url: string
  readonly server: Server
}

/** Serves a set of keys, whatever it is asked for. */
async function serveKeys(read: () => Promise<string>, port: number = 0): Promise<Keys> {
  const server = createServer((_, response) => {
    void read().then((keys) => response.setHeader('Content-Type', 'application/json').end(keys))
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`, server }
}

describe('keys at a URL', () => {
  test('that is not there refuse the start, with the name of the setting and what to look at', async () => {
    const { url, server } = await serveKeys(() => Promise.resolve('{}'))
    server.close()
    await once(server, 'close')
    await expect(startTestHub({ 'auth-jwks': url, 'auth-issuer': 'a' })).rejects.toMatchObject({
      code: 'AUTH_KEYS_UNREACHABLE',
      message: expect.stringMatching(/The keys at "http:.*auth\.jwks(?!.*isNeededAtStart)/),
    })
  })

  test('that are none refuse the start', async () => {
    const { url } = await serveKeys(() => Promise.resolve('<html>Not found</html>'))
    await expect(startTestHub({ 'auth-jwks': url, 'auth-issuer': 'a' })).rejects.toMatchObject({
      code: 'AUTH_KEYS_UNREACHABLE',
    })
  })

  test('that cannot be reached any more end no hub: a worker that is replaced asks its clients to come back', async () => {
    const issuer = await makeIssuer('one')
    const { url, server } = await serveKeys(() => Promise.resolve(issuer.jwks))
    const dataDirectory = await makeDirectory()
    const args = ['--workers=2', `--auth-jwks=${url}`, '--auth-issuer=one', '--auth-audience=hub']
    const hub = await startHubProcess({ dataDirectory, args })
    onTestFinished(() => hub.stop())
    const headers = bearer(await issuer.sign({ iss: 'one', aud: 'hub' }))
    const ask = (): Promise<number> => watch(hub.url, 'users/ada/a', headers)
    expect(await Promise.all(Array.from({ length: 8 }, ask))).toEqual(Array(8).fill(200))
    server.close()
    server.closeAllConnections()
    const [first = 0, ...others] = listChildren(hub.pid ?? 0)
    process.kill(first, 'SIGKILL')
    await waitUntil('another worker serves', () =>
      listChildren(hub.pid ?? 0).some((pid) => pid !== first && !others.includes(pid)),
    )
    const seen = new Set<number>()
    await waitUntil('both workers have answered', async () => {
      seen.add(await ask())
      return seen.has(503) && seen.has(200)
    })
    expect(seen).toEqual(new Set([200, 503]))
    await waitUntil('it says so to its operator', async () => {
      const answer = await fetch(`${hub.url}/readyz`)
      return answer.status === 200 && (await answer.text()).includes('The keys at ')
    })
    expect(hub.isEnded).toBe(false)
  })
})

test('a file or a key that is none refuses the start, with the name of the setting', async () => {
  const directory = await makeDirectory()
  const file = join(directory, 'odd')
  await writeFile(file, 'short\n')
  const bytes = join(directory, 'bytes')
  await writeFile(bytes, Buffer.alloc(48, 0xff))
  const missing = join(directory, 'missing')
  const refused: readonly [Readonly<Record<string, string>>, RegExp][] = [
    [{ 'auth-secret': `@${missing}` }, /auth\.secret cannot be read: .*ENOENT/],
    [{ 'auth-secret': `@${file}` }, /auth\.secret must have 32 bytes .* has 5 .*odd/],
    [{ 'auth-secret': `@${bytes}` }, /auth\.secret must be a text in UTF-8.*openssl rand -base64/],
    [{ 'auth-public-key': missing }, /auth\.publicKey cannot be read/],
    [{ 'auth-public-key': file }, /auth\.publicKey/],
    [{ 'auth-jwks': missing }, /auth\.jwks/],
    [{ 'auth-jwks': file }, /auth\.jwks/],
  ]
  for (const [flags, message] of refused) {
    const error = await startTestHub(flags).then(
      () => 'started',
      (thrown: unknown) => thrown,
    )
    expect(error).toMatchObject({ name: 'HubError', message: expect.stringMatching(message) })
  }
})

test('a secret may come from a variable, as containers have it', async () => {
  const directory = await makeDirectory()
  const env = { TIDEMARK_AUTH_SECRET: secret, TIDEMARK_AUTH_SOURCES: 'bearer, query' }
  const config = loadConfig({ flags: { port: '0', data: 'memory:' }, env, directory })
  const hub = await startHub(config, { onLine: () => undefined })
  onTestFinished(() => hub.close())
  await waitUntil('a token holds', async () => {
    return (await watch(hub.url, 'users/ada/a', bearer(await signToken()))) === 200
  })
})

test('an operator is told of a secret that everybody on the machine may read, and of none that is kept', async () => {
  const directory = await makeDirectory()
  const file = join(directory, 'tidemark.secret')
  await writeFile(file, secret)
  const config = loadConfig({ flags: { 'auth-secret': `@${file}` }, env: {}, directory })
  await chmod(file, 0o644)
  expect(describeExposure(config).join()).toMatch(/everybody on this machine may read .*chmod 600/)
  await chmod(file, 0o640)
  expect(describeExposure(config)).toEqual([])
})
