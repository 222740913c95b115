// Secrets and tokens are planted wherever a hub takes them. Then everything that it says, writes and shows is
// searched for them.

import { execFile } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { listChildren, startHubProcess } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'
import { SignJWT } from 'jose'
import { describe, expect, onTestFinished, test } from 'vitest'
import { exchange } from './support/raw.ts'
import { makeDirectory } from './support/test-hub.ts'

const program = fileURLToPath(new URL('../../cli/dist/main.js', import.meta.url))
const secret = 'planted-secret-of-a-hub-that-nobody-may-see'

/** A token for everything; its signature is what makes it one. */
function signToken(): Promise<string> {
  const tidemark = { subscribe: ['**'], publish: ['**'], permissions: ['admin'] }
  return new SignJWT({ sub: 'ada', iss: 'somebody', tidemark })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(secret))
}

/** All that a hub has said, by where it was said. */
type Said = Map<string, string>

/** Requests that are refused in as many ways as there are, each with a token where a token can be. */
function plantRequests(token: string): readonly [string, string][] {
  const head = `Host: localhost\r\nConnection: close\r\n`
  const bearer = `${head}Authorization: Bearer ${token}\r\n`
  const cookie = `${head}Cookie: a=b; tidemark=${token}\r\nSec-Fetch-Site: same-origin\r\n`
  const get = (path: string, fields: string = head): string =>
    `GET ${path} HTTP/1.1\r\n${fields}\r\n`
  const post = (path: string, fields: string, body: string): string =>
    `POST ${path} HTTP/1.1\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`
  const paths = [
    '/events?topic=a//b',
    '/events?topc=a',
    '/events?topic=%ff',
    '/events?since=yesterday&topic=a',
    '/topics/a%2Fb?limit=0',
    '/topics/a?limit=many',
    '/nothing',
    '/stats',
    '/stats?x=1',
    '/readyz',
    '/livez',
    '/',
    '/admin/explain?subscribe=a',
    '/admin/explain?token=x',
    '/.well-known/oauth-protected-resource',
  ]
  const withQuery = (path: string): string =>
    `${path}${path.includes('?') ? '&' : '?'}token=${token}`
  const whole = withQuery('/events?topic=a')
  const broken = `${token.slice(0, -3)}xyz`
  return [
    ...paths.map((path): [string, string] => [`header ${path}`, get(path, bearer)]),
    ...paths.map((path): [string, string] => [`cookie ${path}`, get(path, cookie)]),
    ...paths.map((path): [string, string] => [`query ${path}`, get(withQuery(path))]),
    ['a target that is none', get(`http://localhost:99999${whole}`)],
    ['a scheme that is none', get(`ftp://localhost${whole}`)],
    ['a method that is none', `BREW ${whole} HTTP/1.1\r\n${head}\r\n`],
    ['a method that is not allowed', `DELETE ${withQuery('/publish')} HTTP/1.1\r\n${head}\r\n`],
    ['a foreign page', get(whole, `${head}Origin: https://evil.example\r\n`)],
    ['two headers', get('/events?topic=a', `${bearer}Authorization: Bearer ${token}\r\n`)],
    ['another scheme', get('/events?topic=a', `${head}Authorization: Basic ${token}\r\n`)],
    ['two tokens', get(`${whole}&token=${token}`)],
    [
      'a token with more behind it',
      get('/events?topic=a', `${head}Authorization: Bearer ${token} x\r\n`),
    ],
    ['a broken signature', get('/events?topic=a', `${head}Authorization: Bearer ${broken}\r\n`)],
    [
      'a cookie twice',
      get('/events?topic=a', `${head}Cookie: tidemark=${broken}; tidemark=${token}\r\n`),
    ],
    ['an expectation', get(whole, `${head}Expect: ${token}\r\n`)],
    ['a coding', post(withQuery('/publish'), `${bearer}Content-Encoding: gzip\r\n`, 'x')],
    ['an event that is none', post(withQuery('/publish'), bearer, '{"topic":"a"}')],
    ['an event', post(withQuery('/topics/secrets/1'), bearer, 'x')],
    ['a topic token', post('/events', bearer, `{"topics":["a"],"topicTokens":["${token}"]}`)],
    [
      'a topic token in no list',
      post('/events', bearer, `{"topics":["a"],"topicTokens":"${token}"}`),
    ],
    [
      'a topic token in no member',
      post('/events', bearer, `{"topics":["a"],"tokens":["${token}"]}`),
    ],
    [
      'a topic token in no JSON',
      post('/events', bearer, `{"topics":["a"],"topicTokens":["${token}]}`),
    ],
    ['a topic token alone', post('/events', bearer, token)],
    ['a session that is none', `DELETE ${withQuery('/sessions/a.b')} HTTP/1.1\r\n${bearer}\r\n`],
    ['an explanation', get('/admin/explain?subscribe=a', `${bearer}Tidemark-Token: ${token}\r\n`)],
    [
      'an explanation of a broken one',
      get('/admin/explain', `${bearer}Tidemark-Token: ${broken}\r\n`),
    ],
    ['a broken request', `GET ${whole} HTTP/1.1\r\n${bearer}: x\r\n\r\n`],
  ]
}

/** The arguments of a process and of those it has started, as everybody on the machine can read them. */
function readArguments(hub: HubProcess): string {
  const pids = hub.pid === undefined ? [] : [hub.pid, ...listChildren(hub.pid)]
  return pids.map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'latin1')).join('\n')
}

/** Every file of a data directory. */
function readData(directory: string): string {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n')
}

interface Planted {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly file?: unknown
}

/** Starts a hub that has the secret, asks it all of it, and ends it. */
async function listenTo({ args = [], env = {}, file = {} }: Planted, token: string): Promise<Said> {
  const dataDirectory = await makeDirectory()
  const config = join(await makeDirectory(), 'tidemark.config.json')
  await writeFile(config, JSON.stringify(file))
  const hub = await startHubProcess({ dataDirectory, args: [`--config=${config}`, ...args], env })
  onTestFinished(() => hub.stop())
  const said: Said = new Map()
  for (const [name, text] of plantRequests(token)) {
    const answer = await exchange(hub.port, [text])
    said.set(name, `${answer.headers}\n${answer.body}`)
  }
  const stream = new AbortController()
  const events = await fetch(`${hub.url}/events?topic=secrets/*&since=earliest&token=${token}`, {
    signal: stream.signal,
  })
  const reader = events.body?.getReader()
  said.set('a stream', new TextDecoder().decode((await reader?.read())?.value))
  stream.abort()
  said.set('its arguments', readArguments(hub))
  await hub.stop()
  said.set('its output', hub.output)
  said.set('its data', readData(dataDirectory))
  return said
}

/** Names of what has a part of it that must not be seen. */
function findLeaks(said: Said, token: string): readonly string[] {
  const [, , signature = ''] = token.split('.')
  const hidden = [secret, signature.slice(0, -3), Buffer.from(secret).toString('base64')]
  return [...said]
    .filter(([, text]) => hidden.some((part) => text.includes(part)))
    .map(([name]) => name)
}

describe('nobody sees the secret of a hub, nor a token that it was sent', () => {
  test.each<[string, Planted]>([
    ['an option', { args: [`--auth-secret=${secret}`] }],
    ['an option of a hub with workers', { args: [`--auth-secret=${secret}`, '--workers=2'] }],
    ['a variable', { env: { TIDEMARK_AUTH_SECRET: secret } }],
    ['the file', { file: { auth: { secret } } }],
    ['an issuer of the file', { file: { auth: { issuers: [{ issuer: 'somebody', secret }] } } }],
  ])('where it comes from %s', async (_, planted) => {
    const token = await signToken()
    const said = await listenTo(planted, token)
    expect(findLeaks(said, token)).toEqual([])
    // It is no silence that hides them.
    expect(said.get('a stream')).toContain('event: tidemark.ready')
    expect(said.get('query /stats')).toContain('"sessions"')
    expect(said.get('a target that is none')).toContain('token=…')
    expect(said.get('its output')).toContain('Tidemark is listening')
    expect(said.get('its arguments')).toContain('serve')
  })
})

test('`tidemark config` shows no secret, from wherever it comes', async () => {
  const directory = await makeDirectory()
  const file = join(directory, 'tidemark.config.json')
  const run = async (args: readonly string[], env = {}): Promise<string> => {
    const options = { cwd: directory, env: { PATH: process.env['PATH'], ...env } }
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      [program, 'config', ...args],
      options,
    ).catch((error: unknown) => error as { readonly stdout: string; readonly stderr: string })
    return stdout + stderr
  }
  const shown = [
    await run([`--auth-secret=${secret}`]),
    await run([`--auth-secret=${secret}`, '--json']),
    await run([], { TIDEMARK_AUTH_SECRET: secret }),
    await run([`--auth-secret=${secret}`, '--auth-public-key=x.pem']),
    await run([`--auth-secret=${secret}`, '--auth-algorithms=HS512']),
  ]
  for (const auth of [
    { secret },
    { issuers: [{ issuer: 'a', secret }] },
    { secret: [secret] },
    secret,
  ]) {
    await writeFile(file, JSON.stringify({ auth }))
    shown.push(await run([]), await run(['--json']))
  }
  expect(shown.filter((text) => text.includes('planted'))).toEqual([])
  expect(shown.filter((text) => !text.includes('auth'))).toEqual([])
  expect(shown[0]).toContain('(set, not shown)')
})
