// Peers that are small servers of ours around a library: a file of `children/`, run with this Node.

import { fileURLToPath } from 'node:url'
import { findFreePort } from '@tidemark/testkit'
import type { RunningPeer, StartOptions } from '../server.ts'
import { startServerProcess } from '../server-process.ts'
import { getRequest, postRequest } from './requests.ts'

/**
 * Starts `children/<file> <port>`: a topic is a path there, subscribed to with GET and published to
 * with POST.
 */
export async function startNodeChild(file: string, options: StartOptions): Promise<RunningPeer> {
  const port = await findFreePort()
  const script = fileURLToPath(new URL(`../children/${file}`, import.meta.url))
  const child = await startServerProcess({
    command: process.execPath,
    args: [script, String(port)],
    port,
    directory: options.directory,
    // A server in production sets this, and some libraries look at it.
    env: { NODE_ENV: 'production' },
  })
  return {
    port,
    subscribeRequest: ([topic = '']) => getRequest(`/${topic}`),
    publishRequest: (topic, data) =>
      postRequest(`/${topic}`, data, { 'Content-Type': 'text/plain' }),
    pids: () => [child.pid],
    stop: () => child.stop(),
  }
}
