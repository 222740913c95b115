// A replay whose turn to write a large event comes when it needs none any more.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'

test('a replay that finds its large event in memory when its turn comes does not stop the process', async () => {
  const program = new URL('children/turn-unused.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let said = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
  await once(child, 'close')
  expect(said).toBe('waits\nserved\n')
})
