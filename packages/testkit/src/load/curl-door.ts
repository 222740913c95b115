// `curl -N`, as people use it: a process per stream.

import { spawn } from 'node:child_process'
import type { Door } from '../traffic/door.ts'

/** The exit code of curl under `--fail` when the status says no. */
const statusRefused = 22

/** Streams read by curl. It takes compression off by itself where it was asked for. */
export const curlDoor: Door = {
  open({ url, headers }, listener) {
    const isCompressed = headers['Accept-Encoding'] !== undefined
    const lines = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
    const options = [
      '-sN',
      '--insecure',
      '--http1.1',
      '--fail',
      ...(isCompressed ? ['--compressed'] : []),
    ]
    const child = spawn('curl', [...options, ...lines, url.href], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    let isOpened = false
    child.stdout.on('data', (chunk: Buffer) => {
      if (!isOpened) listener.opened(200, new Map())
      isOpened = true
      listener.bytes(chunk)
    })
    child.once('error', (error) => {
      listener.broken(error)
      listener.ended()
    })
    child.once('close', (code) => {
      if (code === statusRefused) listener.broken(new Error('curl was refused by a status.'))
      listener.ended()
    })
    return {
      pause: () => void child.stdout.pause(),
      resume: () => void child.stdout.resume(),
      cut: () => void child.kill('SIGKILL'),
    }
  },
  close: () => undefined,
}
