// The server everybody writes first, started by bench/memory.ts: responses in a Set, `write` for each. Argument: the port.

import { createServer } from 'node:http'
import type { ServerResponse } from 'node:http'

const heartbeatMs = 15_000
const clients = new Set<ServerResponse>()

const server = createServer((request, response) => {
  response.writeHead(200, {
    'Content-Type': 'text/event-stream; charset=utf-8',
    'Cache-Control': 'no-cache, no-transform',
  })
  response.write('event: ready\ndata: {}\n\n')
  clients.add(response)
  request.on('close', () => clients.delete(response))
})
setInterval(() => {
  for (const client of clients) client.write('event: beat\ndata: {}\n\n')
}, heartbeatMs)
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.stdout.write('listening\n'))
