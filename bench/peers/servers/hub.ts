// This project's hub as `tidemark serve` starts it: durable, every acknowledged event on the disk.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { findFreePort, listChildren } from '@tidemark/testkit'
import type { PeerServer, RunningPeer, StartOptions } from '../server.ts'
import { startServerProcess } from '../server-process.ts'
import { getRequest, postRequest, topicQuery } from './requests.ts'

const ownTree = fileURLToPath(new URL('../../../', import.meta.url))
const commandLine = `${ownTree}packages/cli/`
const maxSessions = 12_000

export const hub: PeerServer = {
  name: 'hub',
  prepare: () => {
    const { version } = JSON.parse(readFileSync(`${commandLine}package.json`, 'utf8')) as {
      version: string
    }
    return Promise.resolve({
      version: `${version} on Node ${process.versions.node}`,
      settings: `defaults (\`durability: fsync\`, 24 h of history) but \`--max-sessions ${maxSessions}\``,
    })
  },
  start: (options) => startHub(options, []),
}

/** The same without the disk: events are gone with the process, as with most of the others. */
export const hubInMemory: PeerServer = {
  ...hub,
  name: 'hub, memory',
  start: (options) => startHub(options, [], 'memory:'),
}

/** Starts the hub with further flags of `tidemark serve`; `tree` is that of another build. */
export async function startHub(
  { directory, tree = ownTree }: StartOptions & { readonly tree?: string | undefined },
  flags: readonly string[],
  data: string = `${directory}/data`,
): Promise<RunningPeer> {
  const port = await findFreePort()
  const child = await startServerProcess({
    command: process.execPath,
    args: [
      join(tree, 'packages/cli/dist/main.js'),
      'serve',
      `--port=${port}`,
      `--data=${data}`,
      `--max-sessions=${maxSessions}`,
      ...flags,
    ],
    port,
    directory,
  })
  return {
    port,
    subscribeRequest: (topics) => getRequest(`/events?${topicQuery(topics)}`),
    publishRequest: (topic, data) =>
      postRequest(`/topics/${topic}`, data, { 'Content-Type': 'text/plain' }),
    pids: () => [child.pid, ...listChildren(child.pid)],
    stop: () => child.stop(),
  }
}
