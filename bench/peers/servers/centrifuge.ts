// Centrifuge, the Go library inside Centrifugo, in the smallest server of ours (`centrifuge/main.go`).

import { findFreePort } from '@tidemark/testkit'
import type { PeerServer, RunningPeer, StartOptions } from '../server.ts'
import { startServerProcess } from '../server-process.ts'
import { prepareGo, requireGo } from './build-go.ts'
import { getRequest, postRequest, topicQuery } from './requests.ts'

const program = { name: 'centrifuge', target: '.', module: 'github.com/centrifugal/centrifuge' }
const shared =
  'unidirectional SSE, server-side subscriptions, JSON protocol, memory broker, all cores'

export const centrifuge: PeerServer = create({
  name: 'centrifuge',
  settings: `${shared}; no history`,
  flags: [],
})

export const centrifugeHistory: PeerServer = create({
  name: 'centrifuge-history',
  settings: `${shared}; history of 1,000 publications for 5 minutes, recovery on`,
  flags: ['-history=1000'],
})

/** The library's own answer to many messages per connection: collect them before writing. */
export const centrifugeDelay: PeerServer = create({
  name: 'centrifuge-delay',
  settings: `${shared}; no history, \`WriteDelay\` of 10 ms, no limit of messages per write`,
  flags: ['-write-delay=10ms'],
})

interface Variant {
  readonly name: string
  readonly settings: string
  readonly flags: readonly string[]
}

function create({ name, settings, flags }: Variant): PeerServer {
  return {
    name,
    prepare: () => prepareGo(program, settings),
    start: (options) => start(options, flags),
  }
}

async function start({ directory }: StartOptions, flags: readonly string[]): Promise<RunningPeer> {
  const command = await requireGo(program)
  const port = await findFreePort()
  const server = await startServerProcess({
    command,
    args: [`-address=127.0.0.1:${port}`, ...flags],
    port,
    directory,
  })
  return {
    port,
    subscribeRequest: (topics) => getRequest(`/events?${topicQuery(topics)}`),
    publishRequest: (topic, data) =>
      postRequest(`/publish?${new URLSearchParams({ topic })}`, JSON.stringify(data), {
        'Content-Type': 'application/json',
      }),
    pids: () => [server.pid],
    stop: () => server.stop(),
  }
}
