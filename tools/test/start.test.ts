// `npm start` in this checkout, as the README tells a newcomer to run it.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { rootFolder } from '../read-rooms.ts'
import { run } from '../run-step.ts'

/** A command at a terminal. */
interface Started {
  /** Its output so far. */
  output(): string
  /** Ctrl-C: the signal goes to the command and to all it has started. Resolves when they have ended. */
  interrupt(): Promise<void>
}

function start(command: string, args: readonly string[]): Started {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('TIDEMARK_'))
  const child = spawn(command, args, {
    cwd: rootFolder,
    env: Object.fromEntries(own),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  }
  let hasEnded = false
  const ended = once(child, 'close').then(() => (hasEnded = true))
  const interrupt = async (): Promise<void> => {
    if (!hasEnded && child.pid !== undefined) process.kill(-child.pid, 'SIGINT')
    await ended
  }
  onTestFinished(interrupt)
  return { output: () => text, interrupt }
}

/** The command the greeting names to `subscribe` or to `publish`, as printed. */
function readCommand(greeting: string, name: string): string {
  return new RegExp(`^ +${name} +(curl .+)$`, 'm').exec(greeting)?.[1] ?? `no line for ${name}`
}

/** When each built file was written. */
function readBuildTimes(): ReadonlyMap<string, number> {
  const files = globSync('packages/*/dist/**/*.*', { cwd: rootFolder })
  return new Map(files.map((path) => [path, statSync(join(rootFolder, path)).mtimeMs]))
}

test('npm start prints a page and two curl lines that work as printed', async () => {
  const data = mkdtempSync(join(tmpdir(), 'tidemark-start-'))
  onTestFinished(() => rmSync(data, { recursive: true }))
  const hub = start('npm', ['start', '--', '--port', '0', '--data', data])
  await waitUntil('the hub has greeted', () => hub.output().includes('Ctrl-C stops the hub.'))
  const greeting = hub.output()

  const [, page = 'no page'] = /Its page: (\S+)$/m.exec(greeting) ?? []
  expect(await (await fetch(page)).text()).toContain('<title>')

  const subscriber = start('sh', ['-c', readCommand(greeting, 'subscribe')])
  await waitUntil('curl is connected', () => subscriber.output().includes('tidemark.ready'))
  const { code, output } = await run('sh', ['-c', readCommand(greeting, 'publish')])
  expect(output).toContain('"sessions":1')
  expect(code).toBe(0)
  await waitUntil('the event arrives', () => subscriber.output().includes('\ndata: hello\n\n'))

  await subscriber.interrupt()
  await hub.interrupt()
  expect(readdirSync(data)).not.toEqual([])
})

test('a second build changes nothing', async () => {
  expect(await run('npm', ['run', 'build'])).toMatchObject({ code: 0 })
  const before = readBuildTimes()
  expect(await run('npm', ['run', 'build'])).toMatchObject({ code: 0 })
  expect(before.size).toBeGreaterThan(100)
  expect(readBuildTimes()).toEqual(before)
})
