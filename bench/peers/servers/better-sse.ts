// better-sse, the SSE library for Node with the most features, as its documentation uses it for many clients.

import { readFileSync } from 'node:fs'
import type { PeerServer } from '../server.ts'
import { startNodeChild } from './node-child.ts'

export const betterSse: PeerServer = {
  name: 'better-sse',
  prepare: () =>
    Promise.resolve({
      version: `${readVersion()} on Node ${process.versions.node}`,
      settings: 'defaults; sessions registered with one channel, `channel.broadcast`; no history',
    }),
  start: (options) => startNodeChild('better-sse-server.ts', options),
}

function readVersion(): string {
  const file = new URL('../../../node_modules/better-sse/package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
