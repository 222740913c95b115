// The library's own doors in a program of their own, set up as a load test's host.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { LoadHost } from './load-host.ts'

const program = fileURLToPath(new URL('./library-program.js', import.meta.url))

/** Starts it: Fetch behind the URL, HTTP/2 beside it. */
export async function startLibrary(): Promise<LoadHost> {
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  // Without a line there was a failure, which is in the output.
  const line = await Promise.race([once(createInterface(child.stdout), 'line'), ended])
  if (typeof line[0] !== 'string')
    throw new Error(`The library's program ended; it wrote: ${output}`)
  const ports = JSON.parse(line[0]) as { http1: number; http2: number }
  const http2 = `http://127.0.0.1:${ports.http2}`
  return {
    url: `http://127.0.0.1:${ports.http1}`,
    urls: { http2, 'http2-shut': http2 },
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
