// `response.write` per session on node:http, the least that a Node server does without any library.

import type { PeerServer } from '../server.ts'
import { startNodeChild } from './node-child.ts'

export const plain: PeerServer = {
  name: 'plain',
  prepare: () =>
    Promise.resolve({
      version: `node:http of Node ${process.versions.node}`,
      settings: 'one `response.write` per session and event; no history',
    }),
  start: (options) => startNodeChild('plain-server.ts', options),
}
