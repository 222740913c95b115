// A program that has the library in it, as an application would, and opens streams by its Fetch
// door. It prints its port and serves until its standard input ends.

import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { text } from 'node:stream/consumers'
import { memoryLog } from '@tidemark/log'
import { ServerError, createTidemark } from '@tidemark/server'
import type { TopicChange, TopicInput } from '@tidemark/server'
import type { PublishedEvent } from '../traffic/publisher.ts'

const tide = createTidemark({ authorize: 'everyone', log: memoryLog(), heartbeatMs: 250 })

const server = createServer((request, response) => {
  if (request.url?.startsWith('/events') === true) void answerByFetch(request, response)
  else if (request.method === 'PATCH') void answerChange(request, response)
  else void answerPublish(request, response)
})
server.listen(0, '127.0.0.1')
await once(server, 'listening')
process.stdout.write(`${(server.address() as AddressInfo).port}\n`)
process.stdin.resume().once('end', () => process.exit())

/**
 * The work of frameworks that turn requests of Node into those of the Fetch API. The body is pulled
 * as the socket drains.
 */
async function answerByFetch(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const headers = new Headers()
  for (const [name, value] of Object.entries(request.headers)) headers.set(name, String(value))
  const url = `http://${request.headers.host}${request.url}`
  const answer = await tide.fetch(new Request(url, { headers, signal: gone.signal }), {
    compression: true,
  })
  response.writeHead(answer.status, Object.fromEntries(answer.headers))
  response.flushHeaders()
  // A client that is gone is no error here.
  await pipeline(Readable.from(answer.body ?? []), response).catch(() => undefined)
}

/** An application's own way to change the topics of a stream. */
async function answerChange(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const id = request.url?.slice('/sessions/'.length) ?? ''
  try {
    const change = JSON.parse(await text(request)) as TopicChange
    response.statusCode = (await tide.reach(id).changeTopics(change)) ? 204 : 404
  } catch (error) {
    response.statusCode = error instanceof ServerError ? error.status : 500
  }
  response.end()
}

/** As much of the hub's surface for publishers as the test's own publishers use. */
async function answerPublish(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(`http://localhost${request.url}`)
  const idempotencyKey = request.headers['idempotency-key']?.toString()
  const body = await text(request).catch(() => undefined)
  if (body === undefined) return
  const { cursor } = await tide.publishAll(readInputs(url, body), { idempotencyKey })
  response.end(JSON.stringify({ cursor }))
}

function readInputs(url: URL, body: string): readonly TopicInput[] {
  if (url.pathname !== '/publish') {
    const key = url.searchParams.get('key') ?? undefined
    return [{ topic: url.pathname.slice('/topics/'.length), key, data: body }]
  }
  const lines = body.trimEnd().split('\n')
  return lines.map((line) => {
    const { topic, key, data } = JSON.parse(line) as PublishedEvent
    return { topic, key, data: JSON.stringify(data) }
  })
}
