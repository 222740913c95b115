// `tidemark publish` against a real hub.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { kill, makeDirectory, run, start, startHub } from './program.ts'
import type { HubProcess } from './program.ts'

/** The data of the first `count` events of a topic, as published. */
async function readBack(hub: HubProcess, topic: string, count: number): Promise<unknown[]> {
  const args = ['subscribe', topic, '--json', '--since', 'earliest', '--count', String(count)]
  const { stdout } = await run(args, { env: hub.env })
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { data, text = typeof data === 'string' ? data : JSON.stringify(data) } = JSON.parse(
        line,
      ) as {
        readonly data: unknown
        readonly text?: string
      }
      return text
    })
}

test('text, standard input and lines become events in order', async () => {
  const hub = await startHub()
  const { env } = hub
  const first = await run(['publish', 'a', 'hello', '--type', 'greeting', '--key', 'k'], { env })
  expect(first).toMatchObject({ code: 0, stderr: '' })
  expect(first.stdout).toMatch(/^\S+\n$/)
  await run(['publish', 'a'], { env, input: 'two\nlines\n' })
  await run(['publish', 'a', '--', '-5'], { env })
  const lines = await run(['publish', 'a', '--lines'], {
    env,
    input: 'one\r\n\n  {"b": 1.0}\nünended',
  })
  expect(lines).toEqual({ code: 0, stdout: '', stderr: '' })
  expect(await readBack(hub, 'a', 7)).toEqual([
    'hello',
    'two\nlines',
    '-5',
    'one',
    '',
    '  {"b": 1.0}',
    'ünended',
  ])
})

test('an event has a life, and comes only behind the head that is named', async () => {
  const hub = await startHub()
  const { env } = hub
  const first = await run(['publish', 'a', '1', '--ttl', '1h'], { env })
  const head = first.stdout.trim()
  const second = await run(['publish', 'a', '2', '--if-head', head], { env })
  expect(second).toMatchObject({ code: 0, stderr: '' })
  const late = await run(['publish', 'a', '3', '--if-head', head], { env })
  expect(late.code).toBe(65)
  expect(late.stderr).toContain('(HEAD_MOVED)')
  expect(await readBack(hub, 'a', 2)).toEqual(['1', '2'])
  for (const args of [
    ['a', '4', '--ttl', 'soon'],
    ['a', '--lines', '--if-head', head],
  ]) {
    const refused = await run(['publish', ...args], { env })
    expect(refused).toMatchObject({ code: 64, stdout: '' })
    expect(refused.stderr).toContain('(OPTION_INVALID)')
  }
})

test('a refusal is told in the words of the hub', async () => {
  const { env } = await startHub()
  const wildcard = await run(['publish', 'a/*', 'x'], { env })
  expect(wildcard.code).toBe(65)
  expect(wildcard.stderr).toMatch(/^tidemark: "a\/\*" is not a valid topic.*\(TOPIC_INVALID\)\n$/)
  const reserved = await run(['publish', '--lines', '$hub/x'], { env, input: 'a\nb\n' })
  expect(reserved.code).toBe(77)
  expect(reserved.stderr).toMatch(
    /^tidemark: Lines 1 to 2 were refused.*\(TOPIC_RESERVED\).*\(LINES_REFUSED\)\n$/,
  )
})

test('a line that is not UTF-8 ends it after the lines before', async () => {
  const hub = await startHub()
  const input = Buffer.concat([
    Buffer.from('one\ntwo\n'),
    Buffer.from([0xff, 0x0a]),
    Buffer.from('four\n'),
  ])
  const { code, stderr } = await run(['publish', 'a', '--lines'], { env: hub.env, input })
  expect(stderr).toMatch(/^tidemark: Line 3 is not UTF-8.*\(LINE_NOT_UTF8\)\n$/)
  expect(code).toBe(65)
  await run(['publish', 'a', 'end'], { env: hub.env })
  expect(await readBack(hub, 'a', 3)).toEqual(['one', 'two', 'end'])
})

test('one event for a hub that is not there ends with 69 after some attempts', async () => {
  const hub = await startHub()
  await kill(hub.child)
  const { code, stderr } = await run(['publish', 'a', 'x'], { env: hub.env })
  expect(code).toBe(69)
  expect(stderr).toMatch(/^tidemark: [^\n]*ECONNREFUSED[^\n]*\(RETRIES_EXHAUSTED\)\n$/)
})

test('a page that is no hub is told apart from a hub', async () => {
  const server = createServer((request, response) => {
    request.resume()
    response.setHeader('Content-Type', 'text/html').end('<!doctype html><p>Welcome')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const { code, stderr } = await run(['publish', 'a', 'x', '--url', `http://127.0.0.1:${port}`])
  expect(stderr).toMatch(/^tidemark: [^\n]*\(ANSWER_INVALID\)\n$/)
  expect(code).toBe(76)
})

test('lines appended to a file reach a subscriber through tail -F one by one', async () => {
  const { env } = await startHub()
  const file = join(makeDirectory(), 'access.log')
  writeFileSync(file, 'first\n')
  const publisher = start(['publish', 'logs/access', '--lines'], { env })
  const tail = spawn('tail', ['-n', '+1', '-F', file], { stdio: ['ignore', 'pipe', 'ignore'] })
  try {
    tail.stdout.pipe(publisher.child.stdin)
    const reader = start(['subscribe', 'logs/**', '--since', 'earliest', '--count', '3'], { env })
    await reader.waitFor('stdout', /logs\/access {2}message {2}first\n/)
    appendFileSync(file, 'second\n')
    await reader.waitFor('stdout', /second\n/)
    appendFileSync(file, 'third\n')
    await reader.waitFor('stdout', /third\n/)
    expect((await reader.ended).code).toBe(0)
  } finally {
    tail.kill()
  }
  expect((await publisher.ended).code).toBe(0)
})

test('Ctrl-C publishes what was read and ends with 0', async () => {
  const hub = await startHub()
  const publisher = start(['publish', 'a', '--lines'], { env: hub.env })
  const reader = start(['subscribe', 'a', '--since', 'earliest'], { env: hub.env })
  publisher.child.stdin.write('one\ntwo\nunfinis')
  await reader.waitFor('stdout', /two/)
  publisher.child.kill('SIGINT')
  expect(await publisher.ended).toMatchObject({ code: 0 })
})

test('a hub killed in the middle of publish --lines costs no line, and none comes twice', async () => {
  const directory = makeDirectory()
  let hub = await startHub({ directory })
  const { port } = new URL(hub.url)
  const lines = Array.from({ length: 6_000 }, (_, i) => `line ${i}`)
  const publisher = start(['publish', 'a', '--lines'], { env: hub.env })
  const reader = start(['subscribe', 'a', '--since', 'earliest', '--count', '6000', '--json'], {
    env: hub.env,
  })
  publisher.child.stdin.end(lines.map((line) => `${line}\n`).join(''))
  for (const seen of ['line 700', 'line 2500', 'line 4100']) {
    await reader.waitFor('stdout', new RegExp(`"${seen}"`))
    await kill(hub.child)
    hub = await startHub({ directory, port })
  }
  const { code, stderr } = await publisher.ended
  expect(code).toBe(0)
  expect(stderr).toMatch(
    /^(?:tidemark: (?:the hub does not take events now \([^\n]*\); trying again until it does|the hub answers again)\.\n)*$/,
  )
  await run(['publish', 'a', 'end'], { env: hub.env })
  expect(await readBack(hub, 'a', 6_001)).toEqual([...lines, 'end'])
  const { stdout } = await reader.ended
  const received = stdout
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { data: string }).data)
  expect(received).toEqual(lines)
})
