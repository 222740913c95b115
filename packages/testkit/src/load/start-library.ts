// The library's Fetch door in a program of its own, set up as a load test's host.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { LoadHost } from './load-host.ts'

const program = fileURLToPath(new URL('./library-program.js', import.meta.url))

/** Starts it. */
export async function startLibrary(): Promise<LoadHost> {
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  // Without a line there was a failure, which is in the output.
  const line = await Promise.race([once(createInterface(child.stdout), 'line'), ended])
  if (typeof line[0] !== 'string')
    throw new Error(`The library's program ended; it wrote: ${output}`)
  return {
    url: `http://127.0.0.1:${line[0]}`,
    pid: child.pid,
    get output() {
      return output
    },
    async stop() {
      child.stdin.end()
      await ended
    },
  }
}
