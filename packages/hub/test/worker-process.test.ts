// The end of a worker, as the supervising process learns of it.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const seeEndFirst = new URL('support/see-end-first.ts', import.meta.url).pathname

test('a worker’s end that is seen before the end of its messages is told, and the process stays for it', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [seeEndFirst])
  expect(stdout).toBe('The worker was killed by SIGKILL.\n')
})
