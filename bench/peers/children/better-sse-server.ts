// A server with better-sse as its guide for channels shows it: a session per request, registered with
// the topic's channel, and `broadcast`. Run as a process: `better-sse-server.ts <port>`.

import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { createChannel, createSession } from 'better-sse'
import type { Channel } from 'better-sse'
import { readBody } from './read-body.ts'

const channels = new Map<string, Channel>()

function channelOf(topic: string): Channel {
  const channel = channels.get(topic) ?? createChannel()
  channels.set(topic, channel)
  return channel
}

async function publish(channel: Channel, request: IncomingMessage): Promise<void> {
  channel.broadcast(await readBody(request))
}

const server = createServer((request, response) => {
  const channel = channelOf(request.url ?? '/')
  if (request.method === 'POST') {
    void publish(channel, request).finally(() => response.writeHead(204).end())
    return
  }
  void createSession(request, response).then((session) => channel.register(session))
})
server.listen(Number(process.argv[2]), '127.0.0.1', 4_096)
