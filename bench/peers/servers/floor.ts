// The bound below which no server gets that writes to every session when an event comes: the kernel's
// share of the work.

import { fileURLToPath } from 'node:url'
import { findFreePort } from '@tidemark/testkit'
import { buildC } from '../build-c.ts'
import { resultsFolder } from '../results.ts'
import type { PeerServer, RunningPeer, StartOptions } from '../server.ts'
import { startServerProcess } from '../server-process.ts'
import { getRequest, postRequest } from './requests.ts'

const sources = fileURLToPath(new URL('floor/', import.meta.url))

export const floor: PeerServer = {
  name: 'floor',
  prepare: () =>
    Promise.resolve({
      version: 'of this benchmark',
      settings:
        'no server but a bound: a loop in C with one `send` per session and event; no HTTP, no history',
    }),
  start,
}

async function start({ directory }: StartOptions): Promise<RunningPeer> {
  const port = await findFreePort()
  const command = await buildC({ name: 'floor', sources, directory: resultsFolder })
  const child = await startServerProcess({ command, args: [String(port)], port, directory })
  return {
    port,
    subscribeRequest: ([topic = '']) => getRequest(`/${topic}`),
    publishRequest: (topic, data) => postRequest(`/${topic}`, data),
    pids: () => [child.pid],
    stop: () => child.stop(),
  }
}
