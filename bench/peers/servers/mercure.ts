// Mercure: the hub of the Mercure protocol, written in Go; in memory, and with its history in a Bolt file.

import { randomBytes } from 'node:crypto'
import { findFreePort } from '@tidemark/testkit'
import type { PeerServer, RunningPeer, StartOptions } from '../server.ts'
import { startServerProcess } from '../server-process.ts'
import { prepareGo, requireGo } from './build-go.ts'
import { signToken } from './json-web-token.ts'
import { getRequest, postRequest, topicQuery } from './requests.ts'

const program = {
  name: 'mercure',
  target: 'github.com/dunglas/mercure/cmd/mercure',
  module: 'github.com/dunglas/mercure',
}
const path = '/.well-known/mercure'
const shared = 'anonymous subscribers, no write timeout, plain HTTP, all cores'

export const mercure: PeerServer = create({
  name: 'mercure',
  settings: `\`local\` transport: in memory, no history; ${shared}`,
  transport: () => 'local://local',
})

export const mercureBolt: PeerServer = create({
  name: 'mercure-bolt',
  settings: `\`bolt\` transport: all history in a file; ${shared}`,
  transport: (directory) => `bolt://${directory}/updates.db`,
})

interface Variant {
  readonly name: string
  readonly settings: string
  readonly transport: (directory: string) => string
}

function create({ name, settings, transport }: Variant): PeerServer {
  return {
    name,
    prepare: () => prepareGo(program, settings),
    start: (options) => start(options, transport(options.directory)),
  }
}

async function start({ directory }: StartOptions, transport: string): Promise<RunningPeer> {
  const command = await requireGo(program)
  const port = await findFreePort()
  const key = randomBytes(32).toString('hex')
  const server = await startServerProcess({
    command,
    args: [
      `--addr=127.0.0.1:${port}`,
      `--transport-url=${transport}`,
      `--jwt-key=${key}`,
      '--allow-anonymous',
      // The default ends every subscription after a minute.
      '--write-timeout=0s',
    ],
    port,
    directory,
  })
  const publishHeaders = {
    'Content-Type': 'application/x-www-form-urlencoded',
    Authorization: `Bearer ${signToken({ mercure: { publish: ['*'] } }, key)}`,
  }
  return {
    port,
    subscribeRequest: (topics) => getRequest(`${path}?${topicQuery(topics)}`),
    publishRequest: (topic, data) =>
      postRequest(path, new URLSearchParams({ topic, data }).toString(), publishHeaders),
    pids: () => [server.pid],
    stop: () => server.stop(),
  }
}
