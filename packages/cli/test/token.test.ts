// `tidemark token`, `tidemark token check` and `tidemark explain`, as an operator uses them.

import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { makeDirectory, run, start } from './program.ts'
import type { Ending } from './program.ts'

const secret = 'the secret of the hub, of 32 bytes or more'
const env = { TIDEMARK_AUTH_SECRET: secret }
const pair = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const privatePem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const publicPem = pair.publicKey.export({ type: 'spki', format: 'pem' }) as string

async function mint(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(['token', ...args], { env })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return stdout.trim()
}

/** Runs in a directory with these files. */
async function runIn(
  files: Readonly<Record<string, string>>,
  args: readonly string[],
  input?: string,
): Promise<Ending> {
  const directory = makeDirectory()
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  const { child, ended } = start(args, { directory })
  child.stdin.end(input ?? '')
  return ended
}

test('a token is all that is on standard output, so that it can be piped into the next command', async () => {
  const token = await mint('--sub', 'ada', '--subscribe', 'orders/*', '--permission', 'admin')
  expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
  const { payload } = await jwtVerify(token, new TextEncoder().encode(secret))
  expect(payload).toMatchObject({
    sub: 'ada',
    tidemark: { subscribe: ['orders/*'], permissions: ['admin'] },
  })
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(3_600)
  const { code, stdout, stderr } = await run(['token', 'check'], { env, input: `${token}\n` })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^sub +"ada"$/m)
  expect(stdout).toMatch(/^exp +\d+ {2}\(20\d\d-.*Z, in 59 minutes\)$/m)
  expect(stdout).toMatch(/^✓ signature /m)
  expect(stdout).toMatch(/^may subscribe to +orders\/\*$/m)
  expect(stdout).toMatch(/^until +20\d\d-/m)
  expect(stdout).not.toContain('✗')
})

test('a token may say which tags events must have, and its check shows them', async () => {
  const token = await mint('--sub', 'ada', '--where', 'region:eu|us', '--where', 'url:http://x')
  const { payload } = await jwtVerify(token, new TextEncoder().encode(secret))
  expect(payload).toMatchObject({
    tidemark: { where: { region: ['eu', 'us'], url: ['http://x'] } },
  })
  const { stdout } = await run(['token', 'check'], { env, input: `${token}\n` })
  expect(stdout).toMatch(/^of events with +region eu or us, url http:\/\/x$/m)
})

test('the settings of serve give secret, issuer and audience: from a file, a variable, and an option', async () => {
  const config = {
    auth: {
      secret: '@tidemark.secret',
      issuer: 'https://login.example.org/',
      audience: ['hub', 'b'],
    },
  }
  const files = {
    'tidemark.config.json': JSON.stringify(config),
    'tidemark.secret': `${secret}\n`,
  }
  const { code, stdout } = await runIn(files, ['token', '--sub', 'ada', '--ttl', '15m'])
  expect(code).toBe(0)
  const claims = decodeJwt(stdout.trim())
  expect(claims).toMatchObject({ iss: 'https://login.example.org/', aud: 'hub' })
  expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(900)
  const checked = await runIn(files, ['token', 'check', '-'], stdout)
  expect(checked.code).toBe(0)
  const other = await runIn(files, ['token', 'check', '--auth-audience', 'other'], stdout)
  expect(other.code).toBe(77)
  expect(other.stdout).toMatch(/^✗ audience .*"other"; got "hub"\. \(TOKEN_INVALID\)\n +Fix: /m)
})

test('a private key signs what the hub checks with the public one', async () => {
  const files = { 'key.pem': privatePem, 'public.pem': publicPem }
  const args = ['token', '--sub', 'ada', '--key', 'key.pem', '--key-id', 'k1']
  const { code, stdout } = await runIn(files, [...args, '--auth-public-key', 'public.pem'])
  expect(code).toBe(0)
  expect(decodeProtectedHeader(stdout.trim())).toEqual({ alg: 'ES256', typ: 'JWT', kid: 'k1' })
  const check = ['token', 'check', stdout.trim(), '--auth-public-key', 'public.pem']
  expect(await runIn(files, check)).toMatchObject({ code: 0 })
  // Without any settings it is signed all the same: for a hub elsewhere.
  expect(await runIn(files, [...args, '--issuer', 'me'])).toMatchObject({ code: 0 })
})

test('a token that the hub here would refuse is printed with a word of warning, for it may be for another hub', async () => {
  const files = { 'key.pem': privatePem, 'public.pem': publicPem }
  for (const [args, reason] of [
    [['--auth-secret', secret, '--key', 'key.pem'], /signs with HS256.*got "ES256"/],
    [
      ['--auth-secret', secret, '--auth-audience', 'a', '--audience', 'b'],
      /must hold "a"; got "b"/,
    ],
    [
      [
        '--auth-public-key',
        'public.pem',
        '--auth-issuer',
        'a',
        '--issuer',
        'b',
        '--key',
        'key.pem',
      ],
      /got "b"/,
    ],
  ] as const) {
    const { code, stdout, stderr } = await runIn(files, ['token', '--sub', 'ada', ...args])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
    expect(stderr).toMatch(/^tidemark: a hub with the settings here refuses this token\. .*\n$/)
    expect(stderr).toMatch(reason)
  }
})

test('of several issuers one must be named, and signs with its own secret', async () => {
  const other = 'the secret of the other issuer, as long'
  const issuers = [
    { issuer: 'a', secret },
    { issuer: 'b', secret: other },
  ]
  const files = { 'tidemark.config.json': JSON.stringify({ auth: { issuers } }) }
  const { stdout } = await runIn(files, ['token', '--sub', 'ada', '--issuer', 'b'])
  await expect(jwtVerify(stdout.trim(), new TextEncoder().encode(other))).resolves.toBeDefined()
  const vague = await runIn(files, ['token', '--sub', 'ada'])
  expect(vague).toMatchObject({ code: 78, stdout: '' })
  expect(vague.stderr).toMatch(/has several \("a", "b"\)\. Name one: --issuer.*SIGNING_KEY_MISSING/)
  const unknown = await runIn(files, ['token', '--sub', 'ada', '--issuer', 'c'])
  expect(unknown.stderr).toMatch(/no issuer "c"; they have "a", "b".*SIGNING_KEY_MISSING/)
})

test.each([
  [['token'], 64, /needs a user, a topic or a permission.*\(ARGUMENT_INVALID\)/],
  [['token', 'mint'], 64, /or the word check; got "mint".*\(ARGUMENT_INVALID\)/],
  [['token', '--sub', 'a', '--ttl=-1h'], 64, /--ttl must be a duration.*"-1h".*\(OPTION_INVALID\)/],
  [['token', '--sub', 'a', '--ttl', 'soon'], 64, /--ttl must be.*"soon".*\(OPTION_INVALID\)/],
  [
    ['token', '--sub', 'a', '--ttl', '10000d'],
    64,
    /1 second to 400 days.*\(TOKEN_CLAIMS_INVALID\)/,
  ],
  [['token', '--sub', 'a', '--ttl', '0s'], 64, /1 second to 400 days.*\(TOKEN_CLAIMS_INVALID\)/],
  [['token', '--subscribe', 'a//b'], 64, /"a\/\/b".*empty segment.*\(TOKEN_CLAIMS_INVALID\)/],
  [['token', '--sub', 'a', '--key', 'absent.pem'], 78, /absent\.pem.*\(KEY_UNREADABLE\)/],
  [['token', '--sub', 'a', '--key-id', 'k'], 64, /Give both, or neither.*\(OPTION_INVALID\)/],
  [
    ['token', '--sub', 'a', '--algorithm', 'RS256'],
    78,
    /is for HS256.*"RS256".*\(SIGNING_KEY_INVALID\)/,
  ],
  [
    ['token', '--sub', 'a', '--auth-secret', 'hunter2'],
    78,
    /^(?!.*hunter2).*32 bytes.*\(CONFIG_INVALID\)/,
  ],
  [['token', '--sub', 'a', '--prot', '1'], 64, /no option --prot.*\(OPTION_UNKNOWN\)/],
  [['token', '--topic-token', '--subscribe', 'a'], 64, /--sub.*--anybody.*\(OPTION_INVALID\)/],
  [['token', '--sub', 'a', '--anybody'], 64, /Add --topic-token.*\(OPTION_INVALID\)/],
  [
    ['token', '--topic-token', '--sub', 'a', '--permission', 'b'],
    64,
    /Leave --permission out.*\(OPTION_INVALID\)/,
  ],
  [
    ['token', '--topic-token', '--sub', 'a', '--subscribe', 'a', '--where', 'b:c'],
    64,
    /Give --where to the token.*\(OPTION_INVALID\)/,
  ],
  [['token', '--sub', 'a', '--where', 'region'], 64, /such as region:eu.*\(FILTER_INVALID\)/],
  [['token', '--topic-token', '--sub', 'a'], 64, /names topics.*\(TOKEN_CLAIMS_INVALID\)/],
  [
    ['explain', '--hub', 'http://127.0.0.1:9', '--topic-token', 'a'],
    64,
    /settings here.*\(OPTION_INVALID\)/,
  ],
  [['token', 'check', 'a.b.c', 'x'], 64, /takes one token; got "x" too.*\(ARGUMENT_INVALID\)/],
  [['token', 'check', '--sub', 'ada'], 64, /--sub is for a new token.*explain.*\(OPTION_INVALID\)/],
  [['token', 'check'], 64, /no token on standard input.*\(ARGUMENT_INVALID\)/],
  [['explain', 'orders/42'], 64, /takes options only.*"orders\/42".*\(ARGUMENT_INVALID\)/],
  [['explain', '--header', 'a: b'], 64, /--header is sent to the hub of --hub.*\(OPTION_INVALID\)/],
  [['explain', '--hub', 'ftp://x'], 64, /"ftp:\/\/x".*\(OPTION_INVALID\)/],
  [
    ['explain', '--hub', 'http://127.0.0.1:9', '--token', 'a b'],
    64,
    /printable ASCII.*\(OPTION_INVALID\)/,
  ],
  [['explain', '--hub', 'http://127.0.0.1:9'], 69, /does not answer.*\(HUB_UNREACHABLE\)/],
])('%j ends with %i and one line that says what to do', async (args, code, message) => {
  const ending = await run(args, { env })
  expect(ending.stderr).toMatch(/^tidemark: [^\n]+\n$/)
  expect(ending.stderr).toMatch(message)
  expect(ending.stderr).not.toContain(secret)
  expect({ code: ending.code, stdout: ending.stdout }).toEqual({ code, stdout: '' })
})

test('without any settings nothing is signed and nothing is checked, and it says what to configure', async () => {
  const minted = await run(['token', '--sub', 'ada'])
  expect(minted).toMatchObject({ code: 78, stdout: '' })
  expect(minted.stderr).toMatch(/TIDEMARK_AUTH_SECRET.*openssl rand.*\(SIGNING_KEY_MISSING\)/)
  const checked = await run(['token', 'check', 'a.b.c'])
  expect(checked).toMatchObject({ code: 78, stdout: '' })
  expect(checked.stderr).toMatch(/name no key.*\(TOKENS_UNCHECKED\)/)
  const open = await run(['explain', '--subscribe', 'a'])
  expect(open).toMatchObject({ code: 0, stderr: '' })
  expect(open.stdout).toMatch(/^✓ credential .*everybody on this machine/)
})

test('a token that is pasted with the word Bearer, with quotes or with spaces is the token', async () => {
  const token = await mint('--sub', 'ada')
  for (const input of [`Bearer ${token}`, `"${token}"\n`, `  ${token}\r\n`]) {
    expect(await run(['token', 'check'], { env, input })).toMatchObject({ code: 0 })
  }
})

test('a token of a stranger is decoded, refused, and cannot steer the terminal', async () => {
  const encode = (value: unknown): string =>
    Buffer.from(JSON.stringify(value)).toString('base64url')
  const evil = `\u001b[2J\u202eevil\n✓ signature`
  const token = `${encode({ alg: 'HS256', kid: evil })}.${encode({ sub: evil, exp: 1e300, [evil]: 1 })}.AAAA`
  for (const args of [
    ['token', 'check', token],
    ['token', 'check', '--json', token],
    ['explain', '--token', token],
  ]) {
    const { code, stdout, stderr } = await run(args, { env })
    expect({ code, stderr }).toEqual({ code: 77, stderr: '' })
    expect(stdout.replaceAll(/[\n\u0020-\u007e✓✗]/g, '')).toBe('')
    expect(stdout).not.toMatch(/^✓ signature/m)
  }
})

test('neither a token nor a secret is printed, whatever is wrong with it', async () => {
  const token = await mint('--sub', 'ada')
  const [, , signature = ''] = token.split('.')
  for (const args of [
    ['token', 'check', token],
    ['token', 'check', '--json', `${token}x`],
    ['explain', '--token', token, '--auth-secret', `${secret} another`],
    ['config'],
  ]) {
    const { stdout, stderr } = await run(args, { env })
    for (const hidden of [secret, signature]) expect(stdout + stderr).not.toContain(hidden)
  }
})

test('explain says of each topic whether the token gets it, and what to do', async () => {
  const token = await mint('--sub', 'ada', '--subscribe', 'orders/*', '--publish', 'chat/1')
  const wishes = ['--subscribe', 'orders/42', '--publish', 'chat/1', '--read', 'orders/1']
  const good = await run(['explain', '--token', token, ...wishes], { env })
  expect(good).toMatchObject({ code: 0, stderr: '' })
  const bad = await run(['explain', '--token', '-', ...wishes, '--subscribe', 'invoices/7'], {
    env,
    input: token,
  })
  expect(bad.code).toBe(77)
  expect(bad.stdout).toMatch(/^✓ subscribe .*"orders\/42"\.$/m)
  expect(bad.stdout).toMatch(
    /^✗ subscribe .*"invoices\/7".*\(TOPIC_FORBIDDEN\)\n +Fix: .*\{"subscribe":\["invoices\/7"\]\}/m,
  )
  const json = await run(['explain', '--token', token, '--permission', 'admin', '--json'], { env })
  expect(json.code).toBe(77)
  expect(JSON.parse(json.stdout)).toMatchObject({
    isAllowed: false,
    grant: { user: 'ada', subscribe: ['orders/*'], publish: ['chat/1'] },
  })
  const visitor = ['explain', '--subscribe', 'public/a', '--anonymous-subscribe', 'public/**']
  expect(await run(visitor, { env })).toMatchObject({ code: 0 })
})

test('a hub that looks into cookies only finds the token of explain there', async () => {
  const token = await mint('--sub', 'ada')
  const args = ['explain', '--token', token, '--subscribe', 'users/ada/inbox', '--auth-sources']
  for (const sources of ['cookie', 'query', 'query,bearer']) {
    expect(await run([...args, sources], { env })).toMatchObject({ code: 0 })
  }
})

test('a topic token adds its topics to what the token of its user gives, and nobody else’s', async () => {
  const token = await mint('--sub', 'ada')
  const wish = ['--subscribe', 'orders/42']
  const own = await mint('--topic-token', '--sub', 'ada', ...wish)
  expect(decodeProtectedHeader(own).typ).toBe('tidemark-topic+jwt')
  const explain = (...args: readonly string[]): Promise<Ending> =>
    run(['explain', '--token', token, ...wish, ...args], { env })
  expect(await explain()).toMatchObject({ code: 77 })
  expect(await explain('--topic-token', own)).toMatchObject({ code: 0, stderr: '' })
  const anybodys = await mint('--topic-token', '--anybody', ...wish)
  expect(await explain('--topic-token', anybodys)).toMatchObject({ code: 0 })
  const hers = await mint('--topic-token', '--sub', 'grace', ...wish)
  const refused = await explain('--topic-token', own, '--topic-token', hers)
  expect(refused.code).toBe(77)
  expect(refused.stdout).toMatch(/^✗ topic-tokens .*another user.*\(TOPIC_TOKEN_INVALID\)$/m)
})

interface Hub {
  readonly url: string
  readonly requests: readonly IncomingMessage[]
  readonly close: () => void
}

/** Something that answers in the place of a hub. */
async function answerWith(answer: RequestListener): Promise<Hub> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    answer(request, response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/hub`,
    requests,
    close: () => void server.close(() => server.closeAllConnections()),
  }
}

test('a running hub is asked below its path, with the token in a header and the wishes in the query', async () => {
  const explanation = {
    isAllowed: false,
    checks: [
      { name: 'revoked', isPassed: false, detail: 'Revoked\u001b[2J.', fix: 'Sign in.', code: 'X' },
    ],
  }
  const hub = await answerWith((_, response) => response.end(JSON.stringify(explanation)))
  const { code, stdout } = await run([
    ...['explain', '--hub', hub.url, '--token', 'a.b.c', '--header', 'Authorization: Bearer admin'],
    ...[
      '--subscribe',
      'a/*',
      '--subscribe',
      'b',
      '--publish',
      'c&d',
      '--read',
      'e',
      '--permission',
      'f',
    ],
  ])
  hub.close()
  expect(code).toBe(77)
  expect(stdout).toBe('✗ revoked  Revoked\\u001b[2J. (X)\n           Fix: Sign in.\n')
  const [request] = hub.requests
  expect(request?.url).toBe(
    '/hub/admin/explain?subscribe=a%2F*&subscribe=b&publish=c%26d&read=e&permission=f',
  )
  expect(request?.headers).toMatchObject({
    authorization: 'Bearer admin',
    'tidemark-token': 'a.b.c',
  })
})

test.each([
  [
    401,
    '{"code":"UNAUTHENTICATED","detail":"Sign in."}',
    77,
    /401 UNAUTHENTICATED: Sign in\..*EXPLAIN_REFUSED/,
  ],
  [403, '{"code":"PERMISSION_MISSING","detail":"No."}', 77, /EXPLAIN_REFUSED/],
  [404, '{"code":"NOT_FOUND","detail":"Nothing here."}', 76, /404 NOT_FOUND.*EXPLAIN_FAILED/],
  [200, '<html>', 76, /no explanation of a hub.*EXPLAIN_FAILED/],
  [200, '{"isAllowed":true,"checks":[{"name":1}]}', 76, /EXPLAIN_FAILED/],
  [200, '{"isAllowed":true,"checks":[],"grant":{"subscribe":"all"}}', 76, /EXPLAIN_FAILED/],
  [302, '', 76, /status 302.*EXPLAIN_FAILED/],
  [200, `[${'1,'.repeat(3_000_000)}1]`, 76, /EXPLAIN_FAILED/],
])('an answer of %i that is no explanation ends with a code (%#)', async (...row) => {
  const [status, body, code, message] = row
  const hub = await answerWith((_, response) => {
    response.on('error', () => undefined)
    response.writeHead(status, { location: 'http://127.0.0.1:9/' }).end(body)
  })
  const ending = await run(['explain', '--hub', hub.url])
  hub.close()
  expect(ending).toMatchObject({ code, stdout: '' })
  expect(ending.stderr).toMatch(message)
})

test('a running hub explains to an administrator what it decides, and to nobody else', async () => {
  const hub = start(['serve', '--port', '0', '--data', 'memory:'], { env })
  const [, url = ''] = await hub.waitFor('stdout', /page: (http:\/\/[^/]+)\//)
  const token = await mint('--sub', 'ada', '--subscribe', 'orders/*')
  const admin = await mint('--sub', 'operator', '--permission', 'admin')
  const ask = (bearer: string, topic: string): Promise<Ending> =>
    run([
      ...['explain', '--hub', url, '--token', token, '--subscribe', topic],
      ...['--header', `Authorization: Bearer ${bearer}`],
    ])
  const granted = await ask(admin, 'orders/42')
  expect(granted).toMatchObject({ code: 0, stderr: '' })
  expect(granted.stdout).toMatch(/^✓ subscribe .*"ada".*"orders\/42"/m)
  const refused = await ask(admin, 'invoices/7')
  expect(refused.stdout).toMatch(/^✗ subscribe .*TOPIC_FORBIDDEN/m)
  expect(refused.code).toBe(77)
  // The hub does as it explains.
  for (const [topic, status] of [
    ['orders/42', 200],
    ['invoices/7', 403],
  ] as const) {
    const headers = { authorization: `Bearer ${token}`, accept: '*/*' }
    const response = await fetch(`${url}/events?topic=${topic}`, { headers })
    await response.body?.cancel()
    expect(response.status).toBe(status)
  }
  const stranger = await ask(token, 'orders/42')
  expect(stranger).toMatchObject({ code: 77, stdout: '' })
  expect(stranger.stderr).toMatch(/403 PERMISSION_MISSING.*\(EXPLAIN_REFUSED\)/)
  for (const hidden of [token, admin]) {
    expect(granted.stdout + refused.stdout + stranger.stderr).not.toContain(hidden)
  }
})
