// The end of a worker, as the supervising process learns of it.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const seeEndFirst = new URL('support/see-end-first.ts', import.meta.url).pathname
const holdChannel = new URL('support/hold-channel.ts', import.meta.url).pathname
const holder = new URL('support/channel-holder.ts', import.meta.url).pathname

test('a worker’s end that is seen before the end of its messages is told, and the process stays for it', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [seeEndFirst])
  expect(stdout).toBe('The worker was killed by SIGKILL.\n')
})

test('a worker’s end is told though another process holds its end of the channel', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [holdChannel], {
    env: { ...process.env, NODE_OPTIONS: `--import=${holder}` },
  })
  expect(stdout).toBe('The worker was killed by SIGKILL.\n')
})
