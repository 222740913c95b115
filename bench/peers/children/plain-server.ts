// The SSE server everybody writes first: a set of responses per topic, and `response.write` in a loop.
// Run as a process: `plain-server.ts <port>`. It remembers nothing, so a client that was away has lost
// what it missed.

import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBody } from './read-body.ts'

const topics = new Map<string, Set<ServerResponse>>()
let id = 0

async function publish(topic: string, request: IncomingMessage): Promise<void> {
  const data = await readBody(request)
  id += 1
  const event = `id: ${id}\ndata: ${data}\n\n`
  for (const session of topics.get(topic) ?? []) session.write(event)
}

const server = createServer((request, response) => {
  const topic = request.url ?? '/'
  if (request.method === 'POST') {
    void publish(topic, request).finally(() => response.writeHead(204).end())
    return
  }
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
  response.flushHeaders()
  const sessions = topics.get(topic) ?? new Set()
  topics.set(topic, sessions.add(response))
  response.on('close', () => sessions.delete(response))
})
server.listen(Number(process.argv[2]), '127.0.0.1', 4_096)
