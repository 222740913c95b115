// How long a log-out takes to end the streams of its cookie, wherever they are open.
//
// Run: npm run build && npm run bench -- log-out [--rounds=20] [--sessions=5000]
//
// A hub of two workers has many streams of other users, and eight of one user, on both workers. That user
// signs out on a connection of its own. Measured is the time from sending `DELETE /session` to the end of
// the last of the eight streams. A revocation is to hold on every node within a second.

import { createHmac } from 'node:crypto'
import { askHttp, startHubProcess, streamHttp, waitUntil } from '@tidemark/testkit'
import type { Streamed } from '@tidemark/testkit'
import { withDirectory } from './support/directory.ts'
import { readFlag } from './support/flags.ts'
import { median } from './support/statistics.ts'

const rounds = Number(readFlag('rounds') ?? 20)
const sessions = Number(readFlag('sessions') ?? 5_000)
const secret = 'a secret of the benchmark, with more than 32 bytes'
const page = { 'Sec-Fetch-Site': 'same-origin' }

await withDirectory(async (directory) => {
  const args = ['--workers', '2', '--auth-secret', secret, '--limits-sessions-per-user', 'none']
  const hub = await startHubProcess({ dataDirectory: `${directory}/data`, args })
  try {
    for (let i = 0; i < sessions; i++) await open(hub.port, bearer(`other-${i}`))
    const times: number[] = []
    for (let round = 0; round < rounds; round++)
      times.push(await signOut(hub.port, `user-${round}`))
    const [middle, longest] = [median(times), Math.max(...times)].map((ms) => Math.round(ms))
    console.log(
      `${rounds} log-outs beside ${sessions} streams of others: median ${middle} ms, longest ${longest} ms`,
    )
  } finally {
    await hub.kill('SIGKILL')
  }
})

/** Milliseconds until the last stream of a user has ended. */
async function signOut(port: number, user: string): Promise<number> {
  const signedIn = await askHttp(port, { method: 'POST', path: '/session', headers: bearer(user) })
  const Cookie = signedIn.headers['set-cookie']?.[0]?.split(';')[0] ?? ''
  const streams: Streamed[] = []
  for (let i = 0; i < 8; i++) streams.push(await open(port, { Cookie }))
  const began = performance.now()
  const ended = Promise.all(streams.map((stream) => stream.ended))
  const headers = { ...page, Cookie }
  const { status } = await askHttp(port, { method: 'DELETE', path: '/session', headers })
  if (status !== 204) throw new Error(`The log-out was answered ${status}.`)
  await ended
  return performance.now() - began
}

async function open(port: number, headers: Readonly<Record<string, string>>): Promise<Streamed> {
  const stream = await streamHttp(port, '/events?topic=a', headers)
  if (stream.status !== 200) throw new Error(`A stream was answered ${stream.status}.`)
  await waitUntil('the stream is ready', () => stream.events.length > 0)
  return stream
}

function bearer(sub: string): Readonly<Record<string, string>> {
  const iat = Math.floor(Date.now() / 1_000)
  const claims = { sub, iat, exp: iat + 3_600, tidemark: { subscribe: ['a'] } }
  const text = [{ alg: 'HS256' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  const signature = createHmac('sha256', secret).update(text).digest('base64url')
  return { Authorization: `Bearer ${text}.${signature}` }
}
