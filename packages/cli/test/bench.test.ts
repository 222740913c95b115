// `tidemark bench` against a real hub, and against servers that lose, double and misplace events.

import { once } from 'node:events'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { launchBrowser, makeCertificate } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import type { BenchResult } from '../src/bench/result.ts'
import { startForeignServer } from './bench-server.ts'
import { makeDirectory, run, start, startHub } from './program.ts'

const quick = [
  '--connections',
  '5',
  '--ramp',
  '0',
  '--duration',
  '300ms',
  '--rate',
  '100',
  '--json',
]

/** Runs the bench with `--json` and reads what it prints. */
async function bench(...args: string[]): Promise<BenchResult> {
  const { code, stdout, stderr } = await run(['bench', ...args])
  if (code !== 0) throw new Error(`bench ended with ${String(code)}: ${stderr}`)
  return JSON.parse(stdout) as BenchResult
}

test('a hub under load is measured to the last event, with its process, as JSON and as a page of charts', async () => {
  const { url, child } = await startHub()
  const html = join(makeDirectory(), 'report.html')
  const load = ['--connections', '50', '--ramp', '2ms', '--duration', '1500ms', '--rate', '40']
  const result = await bench(url, ...load, '--topics', '5', '--json', '--html', html)
  expect(result).toMatchObject({
    format: 'tidemark-bench/1',
    isInterrupted: false,
    target: { url, publishUrl: `${url}/topics/{topic}`, isHub: true },
    settings: {
      connections: 50,
      rampMs: 2,
      durationMs: 1500,
      topics: 5,
      rate: 40,
      payloadBytes: 128,
    },
    connections: {
      asked: 50,
      opened: 50,
      failed: 0,
      failures: [],
      reconnects: 0,
      interruptions: [],
    },
    publishes: { due: 60, sent: 60, acknowledged: 60, failed: 0, failures: [] },
    // Each of 5 topics has 12 events and 10 connections.
    deliveries: { received: 600, expected: 600, missing: 0, duplicated: 0, outOfOrder: 0 },
    betweenMs: null,
  })
  const { latencyMs, seconds, server, generator } = result
  expect(latencyMs?.fromSchedule.count).toBe(600)
  expect(latencyMs?.fromSend.p50).toBeGreaterThan(0)
  expect(latencyMs?.fromSchedule.max).toBeGreaterThanOrEqual(latencyMs?.fromSend.max ?? Infinity)
  expect(server?.pids).toContain(child.pid)
  expect(server?.memoryMaxBytes).toBeGreaterThan(10_000_000)
  expect(generator.processes.map(({ role }) => role)).toContain('read')
  expect(seconds.reduce((sum, { deliveries }) => sum + deliveries, 0)).toBe(600)
  expect(seconds.at(-1)?.open).toBe(50)
  await expectCharts(html, url)
})

/** Opens the page as a reader would, without a network, and looks whether the charts have ink. */
async function expectCharts(path: string, url: string): Promise<void> {
  expect(readFileSync(path, 'utf8')).not.toMatch(/<(?:link|script|img)[^>]+(?:src|href)=/)
  const browser = await launchBrowser('chromium')
  try {
    const page = await browser.newPage()
    const failures: unknown[] = []
    page.on('pageerror', (error) => failures.push(error))
    page.on('requestfailed', (request) => failures.push(request.url()))
    await page.goto(`file://${path}`)
    const seen = (await page.evaluate(`({
      title: document.title,
      text: document.body.innerText,
      colours: [...document.querySelectorAll('canvas')].map((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
        return new Set(new Uint32Array(data.buffer)).size
      }),
    })`)) as { title: string; text: string; colours: number[] }
    expect(failures).toEqual([])
    expect(seen.title).toBe(`Load test of ${url}`)
    expect(seen.text).toContain('0 of 600')
    expect(seen.colours).toHaveLength(6)
    // An empty canvas has one colour, bare axes some dozen shades of grey.
    expect(Math.min(...seen.colours)).toBeGreaterThan(20)
  } finally {
    await browser.close()
  }
}

test('a hub behind TLS is tested too, and a certificate that nobody vouches for is told', async () => {
  const { args, cert } = await makeCertificate(makeDirectory())
  const hub = start(['serve', '--port', '0', '--data', './events', ...args])
  const [, url = ''] = await hub.waitFor('stdout', /page: (https:\/\/[^/]+)\//)
  const [refused, measured] = await Promise.all([
    run(['bench', url, ...quick]),
    run(['bench', url, ...quick], { env: { NODE_EXTRA_CA_CERTS: cert } }),
  ])
  expect(refused).toMatchObject({ code: 69, stdout: '' })
  expect(refused.stderr).toMatch(/SELF_SIGNED.*NODE_EXTRA_CA_CERTS.*\(BENCH_UNREACHABLE\)/)
  const { deliveries } = JSON.parse(measured.stdout) as BenchResult
  expect(deliveries).toMatchObject({ received: 150, missing: 0, duplicated: 0, outOfOrder: 0 })
})

test('lost, doubled and misplaced events of another server are counted exactly, per connection', async () => {
  // Of 80: 10 is lost; 15 comes twice; 20 comes after 79, which is published long after 20 was answered.
  const { url } = await startForeignServer((number) => {
    switch (number) {
      case 10:
      case 20:
        return []
      case 15:
        return [15, 15]
      case 79:
        return [79, 20]
      default:
        return [number]
    }
  })
  const result = await bench(
    `${url}/stream`,
    '--publish-url',
    `${url}/publish`,
    ...quick,
    '--duration',
    '800ms',
  )
  expect(result).toMatchObject({
    target: { isHub: false, publishUrl: `${url}/publish` },
    publishes: { sent: 80, acknowledged: 80 },
    deliveries: { expected: 400, received: 400, missing: 5, duplicated: 5, outOfOrder: 5 },
  })
})

test('what a server that wraps events sends is found in its wrapping', async () => {
  const { url } = await startForeignServer()
  const body = '{"channel":"{topic}","message":{"text":"{payload}"}}'
  const result = await bench(
    `${url}/stream`,
    ...['--publish-url', `${url}/publish`, '--publish-body', body, ...quick],
  )
  expect(result.deliveries).toMatchObject({ received: 150, missing: 0, otherEvents: 0 })
})

test('without a publisher the events a server sends by itself are counted, and the time between them', async () => {
  const { url } = await startForeignServer()
  const load = [
    '--connections',
    '3',
    '--ramp',
    '0',
    '--duration',
    '600ms',
    '--report-every',
    '100ms',
  ]
  const program = start(['bench', `${url}/stream`, ...load, '--json'])
  const { child } = program
  // A program that a signal has ended has no exit code.
  while (child.exitCode === null && child.signalCode === null) {
    await fetch(`${url}/publish`, { method: 'POST', body: 'news' })
  }
  const { stdout, code } = await program.ended
  const result = JSON.parse(stdout) as BenchResult
  expect(code).toBe(0)
  expect(result).toMatchObject({ publishes: null, latencyMs: null, deliveries: { missing: null } })
  expect(result.deliveries.received).toBeGreaterThan(3)
  expect(result.betweenMs?.count).toBeGreaterThan(3)
})

test('streams that are cut come back, and the result says how often and why', async () => {
  const server = await startForeignServer()
  const program = start([
    ...['bench', `${server.url}/stream`, '--publish-url', `${server.url}/publish`],
    ...[
      '--connections',
      '5',
      '--ramp',
      '0',
      '--duration',
      '2s',
      '--report-every',
      '500ms',
      '--json',
    ],
  ])
  await program.waitFor('stderr', /under load .* 5 of 5 open/)
  server.cut()
  const result = JSON.parse((await program.ended).stdout) as BenchResult
  expect(result.connections.reconnects).toBe(5)
  expect(result.connections.interruptions).toEqual([{ reason: expect.any(String), count: 5 }])
})

test('a server that ends its streams with `retry: 0` is not stormed: each comes back four times a second', async () => {
  const times: number[] = []
  const server = createHttpServer((_request, response) => {
    times.push(performance.now())
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.end('retry: 0\n\n')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/stream`
  const load = ['--connections', '5', '--ramp', '0', '--duration', '1s', '--json']
  const { connections } = await bench(url, ...load)
  server.close()
  const seconds = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / 1_000
  expect(connections.opened).toBe(5)
  // One at the start and four a second of each connection, and one look at the target before. A slow
  // machine asks less often; a timer may be a little early.
  expect(times.length).toBeLessThanOrEqual(1 + 5 * (1 + seconds / 0.24))
})

test('Ctrl-C ends the load early, prints the table and ends with 130', async () => {
  const { url } = await startHub()
  const load = ['--connections', '5', '--ramp', '0', '--report-every', '100ms']
  const program = start(['bench', url, ...load])
  await program.waitFor('stderr', /under load/)
  program.child.kill('SIGINT')
  const { code, stdout, stderr } = await program.ended
  expect(code).toBe(130)
  expect(stderr).toContain('ending early')
  expect(stdout).toMatch(/^Connections\n {2}opened +5 of 5\n/)
  expect(stdout).toMatch(/missing +0 of \d+\n/)
})

// No time is measured in these two. A run that its signal does not end waits 30 s for each answer and
// says so. Then it goes on with a load of six hours.
const endless = ['--connections', '5', '--ramp', '0', '--duration', '6h']

test('one signal ends a run against a server that never answers, with the table', async () => {
  const mute = createServer().listen(0, '127.0.0.1')
  await once(mute, 'listening')
  const { port } = mute.address() as AddressInfo
  const program = start(['bench', `http://127.0.0.1:${port}`, ...endless])
  const [socket] = (await once(mute, 'connection')) as [Socket]
  program.child.kill('SIGTERM')
  const { code, stdout, stderr } = await program.ended
  expect(code).toBe(143)
  expect(stdout + stderr).not.toContain('no answer within')
  expect(stdout).toMatch(/^Connections\n {2}opened +0 of 5\n/)
  socket.destroy()
  mute.close()
})

test('one signal ends a run against a server that has fallen silent, and what it left unanswered has failed', async () => {
  const { url } = await startForeignServer((number) => (number === 0 ? [0] : 'silence'))
  const load = [...endless, '--rate', '20', '--report-every', '100ms']
  const target = [`${url}/stream`, '--publish-url', `${url}/publish`]
  const program = start(['bench', ...target, ...load])
  await program.waitFor('stderr', /under load/)
  program.child.kill('SIGINT')
  const { code, stdout } = await program.ended
  expect(code).toBe(130)
  expect(stdout).toMatch(/opened +5 of 5\n/)
  expect(stdout).toContain('no answer before the end')
  expect(stdout).not.toContain('no answer within')
})

test("headers for publishes reach a hub's publishes, and no streams", async () => {
  const { url } = await startHub()
  // Of a page from elsewhere the hub takes neither.
  const foreign = 'Origin: http://elsewhere.example'
  const { code, stderr } = await run(['bench', url, ...quick, '--publish-header', foreign])
  expect(code).toBe(65)
  expect(stderr).toMatch(/The first publish failed: status 403/)
})

test('what is wrong with the URL is said before any load', async () => {
  const { url } = await startForeignServer()
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const { port } = closed.address() as AddressInfo
  await new Promise((resolve) => closed.close(resolve))
  const cases: (readonly [string[], number, RegExp])[] = [
    [[`http://127.0.0.1:${port}`], 69, /Nothing answers .*ECONNREFUSED.*\(BENCH_UNREACHABLE\)/],
    [[`${url}/html`], 76, /content type text\/html.*\(BENCH_NOT_SSE\)/],
    [[`${url}/full`], 65, /status 503: The house is full\. \(BENCH_REFUSED\)/],
    [
      [`${url}/stream`, '--publish-url', `${url}/full`, '--publish-method', 'PUT'],
      65,
      /The first publish failed: status 503: The house is full\..*--rate 0.*\(BENCH_REFUSED\)/,
    ],
    [['ftp://x'], 64, /http:\/\/ or https:\/\/.*"ftp:\/\/x".*\(OPTION_INVALID\)/],
    [['http://a:b@x/y'], 64, /must not hold a user name/],
    [[url, 'more'], 64, /one URL; got "more".*\(ARGUMENT_INVALID\)/],
    [
      [url, '--connections', '0'],
      64,
      /--connections must be a whole number from 1 to 100000; got "0"/,
    ],
    [
      [url, '--duration', '30'],
      64,
      /--duration must be a duration from 100ms to 6h, like 30s; got "30"/,
    ],
    [[url, '--payload', '1'], 64, /--payload must be 72 to 1048576 bytes.*got "1"/],
    [[url, '--topics', '5', '--connections', '4'], 64, /--topics must be at most .* 4; got 5/],
    [
      [url, '--connections', '100000', '--ramp', '1m'],
      64,
      /--connections times --ramp must be at most 6h.* got 100000 and 1m\. .* up to 216ms\./,
    ],
    [[`${url}/stream`, '--topics', '2'], 64, /--topics 2 needs \{topic\} in the URL/],
    [[`${url}/stream`, '--rate', '5'], 64, /--rate needs --publish-url/],
    [
      [`${url}/stream`, '--publish-header', 'A: b'],
      64,
      /--publish-header needs --publish-url.*leave --publish-header out/,
    ],
    [
      [url, '--publish-header', 'Bearer secret'],
      64,
      /--publish-header must be like 'Authorization: Bearer abc'; got no name and colon\. \(OPTION_INVALID\)/,
    ],
    [
      [url, '--publish-header', 'X-A: one\r\nX-B: two'],
      64,
      /The value of --publish-header X-A must be of printable Latin-1 characters; got U\+000D\. Take it out/,
    ],
    [[url, '--header', 'X-Smile: 😀'], 64, /value of --header X-Smile .* got U\+1F600\./],
    [[url, '--html', '/absent/x.html'], 74, /cannot be written.*\(OUTPUT_UNWRITABLE\)/],
  ]
  await Promise.all(
    cases.map(async ([args, code, message]) => {
      const ending = await run(['bench', ...args])
      expect(ending).toMatchObject({ code, stdout: '' })
      expect(ending.stderr).toMatch(message)
      expect(ending.stderr).toMatch(/^tidemark: [^\n]+\n$/)
    }),
  )
})

test('a run that comes to nothing leaves an earlier report as it was, and none where there was none', async () => {
  const { url } = await startForeignServer()
  const directory = makeDirectory()
  const [earlier, none] = [join(directory, 'earlier.html'), join(directory, 'none.html')]
  writeFileSync(earlier, 'an earlier report')
  for (const html of [earlier, none]) {
    const { code } = await run(['bench', `${url}/html`, '--html', html])
    expect(code).toBe(76)
  }
  expect(readFileSync(earlier, 'utf8')).toBe('an earlier report')
  expect(readdirSync(directory)).toEqual(['earlier.html'])
})
