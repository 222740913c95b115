// The engine in an application's own node:http server, counting what it holds. Run as a process:
// `--expose-gc engine-server.ts <port>`.

import { createServer, ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { queryObjects } from 'node:v8'
import { memoryLog } from '@tidemark/log'
import { waitUntil } from '@tidemark/testkit'
// The very classes the engine makes: inside of its package, because nobody else has a use for them.
import { Audience } from '../../../packages/server/dist/fan-out/audience.js'
import { createTidemark } from '../../../packages/server/dist/index.js'
import { Session } from '../../../packages/server/dist/session/session.js'
import { readBody } from './read-body.ts'

/** The memory after a garbage collection, without that of the question itself. */
export interface EngineStatistics {
  readonly heapBytes: number
  readonly residentBytes: number
  readonly sessions: number
  readonly audiences: number
  readonly responses: number
  readonly sockets: number
  readonly timers: number
}

const tide = createTidemark({
  authorize: 'everyone',
  log: memoryLog({ retention: { maxBytes: 256 * 1_024 } }),
})

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost')
  if (url.pathname === '/events') await tide.subscribe(request, response)
  else if (url.pathname === '/publish') {
    await tide.publish(url.searchParams.get('topic') ?? '', { data: await readBody(request) })
    response.writeHead(204).end()
  } else {
    const body = JSON.stringify(await takeStatistics())
    response.setHeader('Connection', 'close').end(body)
  }
}

async function takeStatistics(): Promise<EngineStatistics> {
  const areAllClosed = (): boolean => tide.sessionCount === 0
  await waitUntil('the last sessions are closed', areAllClosed, { stallMs: 5_000 }).catch(
    () => undefined,
  )
  await fillRecent()
  // Things that one collection frees (functions, finished connections) free more by the next.
  let held = Infinity
  for (let pass = 0; pass < 20; pass++) {
    await new Promise((resolve) => setTimeout(resolve, 200))
    globalThis.gc?.()
    const { heapUsed } = process.memoryUsage()
    if (pass > 2 && heapUsed > held * 0.998) break
    held = heapUsed
  }
  const left = {
    sessions: Math.max(tide.sessionCount, count(Session)),
    audiences: count(Audience),
    responses: count(ServerResponse) - 1,
    sockets: count(Socket),
    timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length,
  }
  // After the counting, which collects as if memory had run out: V8 then gives back the empty pages of
  // its young generation. After `gc` alone it keeps up to 170 MB of them, more or less by chance, and
  // they would hide what the sessions left.
  const { heapUsed, rss } = process.memoryUsage()
  return { heapBytes: heapUsed, residentBytes: rss, ...left }
}

/**
 * The log and the engine's recent records are as full at each count. They hold no frames, of which they
 * have more or fewer by chance.
 */
async function fillRecent(): Promise<void> {
  for (let i = 0; i < 4_000; i++) await tide.publish(`cycle/${i % 60}`, { data: 'x'.repeat(128) })
}

function count(constructor: new (...args: never[]) => unknown): number {
  return queryObjects(constructor, { format: 'count' })
}

await tide.ready
createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    console.error(error)
    response.destroy()
  })
}).listen(Number(process.argv[2]), '127.0.0.1', 4_096)
