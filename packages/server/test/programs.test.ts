// The programs in the READMEs, as they stand there: the compiler reads them with the tests, and they are run
// here.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { stripTypeScriptTypes } from 'node:module'
import { fileURLToPath } from 'node:url'
import { waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { GET } from './programs/own-events-fetch.ts'

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')
const own = read('../README.md')
const whole = read('../../../README.md')

/** Runs a program in a process of its own; resolves to its origin. */
async function run(name: string): Promise<string> {
  const origin = `http://127.0.0.1:${await findPort()}`
  const code = read(`programs/${name}.ts`).replace('8080', new URL(origin).port)
  const args = ['--input-type=module', '--eval', stripTypeScriptTypes(code)]
  const cwd = fileURLToPath(new URL('..', import.meta.url))
  const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  await waitUntil('the program listens', async () => {
    if (child.exitCode !== null) throw new Error(`The program has ended: ${said}`)
    return fetch(origin, { method: 'HEAD' }).then(
      () => true,
      () => false,
    )
  })
  return origin
}

async function findPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

test('the first lines are a whole program: a page, its stream, and events', async () => {
  const code = read('programs/first-lines.ts')
  expect(own).toContain(code)
  expect(whole).toContain(code)
  const origin = await run('first-lines')
  expect(await (await fetch(origin)).text()).toContain("new EventSource('/events')")
  const leaving = new AbortController()
  const stream = await fetch(`${origin}/events`, { signal: leaving.signal })
  let text = ''
  for await (const chunk of stream.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += chunk
    if (/^data: \d{4}-/m.test(text)) break
  }
  expect(text).toMatch(/^data: \d{4}-\d\d-\d\dT.*Z\n\n/m)
  leaving.abort()
})

test('a stream of the application’s own events, on Node', async () => {
  expect(own).toContain(read('programs/own-events.ts'))
  const origin = await run('own-events')
  const text = await (await fetch(origin)).text()
  expect(text).toBe(
    ': \n\nevent: progress\ndata: {"done":0}\n\ndata: Hello\n\ndata: you\n\ndata: there\n\n',
  )
})

test('a stream of the application’s own events, by the Fetch API', async () => {
  expect(own).toContain(read('programs/own-events-fetch.ts'))
  expect(await GET(new Request('http://localhost/')).text()).toBe(': \n\ndata: Hello\n\n')
})
