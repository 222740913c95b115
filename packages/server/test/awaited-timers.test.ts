// A timer that somebody awaits holds the process; one that nobody awaits does not. In processes of their own,
// on real timers.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished, expect, test } from 'vitest'
import { get, sendRaw } from './support/node-server.ts'

interface Awaiting {
  readonly child: ChildProcess
  readonly lines: string[]
  readonly ended: Promise<unknown>
}

function start(task: string): Awaiting {
  const program = new URL('children/awaiting.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [program, task], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    lines.push(...text.trimEnd().split('\n'))
  })
  return { child, lines, ended: once(child, 'close') }
}

test('a process that awaits a drain does not end inside it, and what comes after the drain is done', async () => {
  const { child, lines, ended } = start('drain')
  await expect.poll(() => lines.length).toBe(1)
  const client = sendRaw(Number(lines[0]), get('/?topic=a'))
  await client.until('tidemark.bye')
  await ended
  expect(lines.slice(1)).toEqual(['drained', 'closed'])
  expect(child.exitCode).toBe(0)
})

test('a process that awaits a probe is told that it failed', async () => {
  const { child, lines, ended } = start('probe')
  await ended
  expect(lines).toEqual(['false'])
  expect(child.exitCode).toBe(0)
})

test('a process that awaits nothing ends, though a node has beats and deadlines to keep', async () => {
  const { child, lines, ended } = start('leaveAlone')
  await ended
  expect(lines).toEqual(['200'])
  expect(child.exitCode).toBe(0)
})
