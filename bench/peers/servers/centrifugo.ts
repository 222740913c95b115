// Centrifugo, the server around Centrifuge, where somebody has the program: `CENTRIFUGO_BIN` says where.

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { findFreePort } from '@tidemark/testkit'
import type { PeerServer, Prepared, RunningPeer, StartOptions } from '../server.ts'
import { startServerProcess } from '../server-process.ts'
import { signToken } from './json-web-token.ts'
import { getRequest, postRequest } from './requests.ts'

const releases = 'https://github.com/centrifugal/centrifugo/releases'

export const centrifugo: PeerServer = { name: 'centrifugo', prepare, start }

async function prepare(): Promise<Prepared> {
  const program = process.env['CENTRIFUGO_BIN']
  if (!program) {
    return { missing: `centrifugo 6; set CENTRIFUGO_BIN to the program's path (${releases})` }
  }
  try {
    const { stdout } = await promisify(execFile)(program, ['version'])
    return {
      version: stdout.trim(),
      settings: '`uni_sse`, server-side subscriptions by token, no history, no log, all cores',
    }
  } catch (error) {
    return { missing: `centrifugo: ${program} does not run: ${String(error)}` }
  }
}

async function start({ directory }: StartOptions): Promise<RunningPeer> {
  const port = await findFreePort()
  const key = randomBytes(32).toString('hex')
  const configuration = `${directory}/config.json`
  writeFileSync(configuration, JSON.stringify(createConfiguration(port, key)))
  const server = await startServerProcess({
    command: process.env['CENTRIFUGO_BIN'] ?? 'centrifugo',
    args: [`--config=${configuration}`],
    port,
    directory,
  })
  return {
    port,
    subscribeRequest: (topics) => {
      const connect = JSON.stringify({ token: signToken({ sub: '', channels: topics }, key) })
      return getRequest(`/connection/uni_sse?${new URLSearchParams({ cf_connect: connect })}`)
    },
    publishRequest: (topic, data) =>
      postRequest('/api/publish', JSON.stringify({ channel: topic, data }), {
        'Content-Type': 'application/json',
        'X-API-Key': key,
      }),
    pids: () => [server.pid],
    stop: () => server.stop(),
  }
}

function createConfiguration(port: number, key: string): object {
  return {
    http_server: { address: '127.0.0.1', port },
    log: { level: 'none' },
    client: { token: { hmac_secret_key: key } },
    http_api: { key },
    uni_sse: { enabled: true },
  }
}
