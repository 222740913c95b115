// Pushpin: a reverse proxy, of processes in Rust and C++, that holds responses open for the origin
// behind it (GRIP).

import { writeFileSync, mkdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { findFreePort, waitUntil } from '@tidemark/testkit'
import type { PeerServer, Prepared, RunningPeer, StartOptions } from '../server.ts'
import { startServerProcess } from '../server-process.ts'
import { findDebianPackages } from './debian-packages.ts'
import { getRequest, postRequest, topicQuery } from './requests.ts'

export const pushpin: PeerServer = { name: 'pushpin', prepare, start }

const startMsMax = 20_000
/** Of 1,000 connections made at 2,000 a second some 20 were closed right after their head; at 300 none. */
const connectsPerSecondMax = 300

async function prepare(): Promise<Prepared> {
  const found = await findDebianPackages(['pushpin', 'zurl'])
  if ('missing' in found) return found
  return {
    version: `${found.versions.get('pushpin')} with zurl ${found.versions.get('zurl')}`,
    settings:
      '`client_maxconn=20000`, `client_buffer_size=4096`, `stats_connection_ttl=600`, `log_level=1`, ' +
      'else defaults; 300 connects a second; ' +
      'all its processes count, the origin behind it does not',
  }
}

async function start({ directory }: StartOptions): Promise<RunningPeer> {
  const port = await findFreePort()
  const publishPort = await findFreePort()
  const origin = await startOrigin()
  try {
    mkdirSync(`${directory}/run`)
    writeFileSync(`${directory}/routes`, `* 127.0.0.1:${origin.port}\n`)
    writeFileSync(
      `${directory}/pushpin.conf`,
      renderConfiguration({ directory, port, publishPort }),
    )
    const server = await startServerProcess({
      command: 'pushpin',
      args: [`--config=${directory}/pushpin.conf`],
      port,
      directory,
    })
    const stop = async (): Promise<void> => {
      await server.stop()
      origin.server.close()
      origin.server.closeAllConnections()
    }
    await waitUntil('Pushpin passes a subscription on', () => answers(port), {
      stallMs: startMsMax,
    }).catch(async (error: unknown) => {
      await stop()
      throw error
    })
    return {
      port,
      publishPort,
      connectsPerSecond: connectsPerSecondMax,
      subscribeRequest: (topics) => getRequest(`/?${topicQuery(topics)}`),
      publishRequest: (topic, data) =>
        postRequest('/publish/', renderItem(topic, data), { 'Content-Type': 'application/json' }),
      pids: () => [server.pid],
      stop,
    }
  } catch (error) {
    origin.server.close()
    throw error
  }
}

function renderItem(topic: string, data: string): string {
  const formats = { 'http-stream': { content: `data: ${data}\n\n` } }
  return JSON.stringify({ items: [{ channel: topic, formats }] })
}

/** Answers every request with the instruction to hold the response open and subscribe it to the topics. */
async function startOrigin(): Promise<{ readonly port: number; readonly server: Server }> {
  const port = await findFreePort()
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? '/', 'http://origin')
    response.writeHead(200, {
      'Content-Type': 'text/event-stream',
      'Grip-Hold': 'stream',
      'Grip-Channel': searchParams.getAll('topic').join(', '),
    })
    response.end(':\n\n')
  })
  await new Promise<void>((resolve) => {
    server.listen(port, '127.0.0.1', resolve)
  })
  return { port, server }
}

/** Whether a whole subscription works: the port accepts connections before the other processes are ready. */
async function answers(port: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/?topic=start`, {
      signal: AbortSignal.timeout(2_000),
    })
    await response.body?.cancel()
    return response.status === 200
  } catch {
    return false
  }
}

interface Places {
  readonly directory: string
  readonly port: number
  readonly publishPort: number
}

// `message_rate` and `message_hwm` keep their defaults. With 1,000,000 each, everything is handed on at
// once. As soon as the load is too much, nothing is written until publishing ends. Measured with 100
// events a second to 1,000 sessions.
function renderConfiguration({ directory, port, publishPort }: Places): string {
  return `
[global]
rundir=${directory}/run
ipc_prefix=bench-
stats_connection_ttl=600

[runner]
services=condure,zurl,pushpin-proxy,pushpin-handler
http_port=127.0.0.1:${port}
logdir=${directory}
log_level=1
client_buffer_size=4096
client_maxconn=20000

[proxy]
routesfile=routes
updates_check=off
${renderSockets(proxySockets)}
[handler]
push_in_spec=ipc://{rundir}/{ipc_prefix}push-in
push_in_http_addr=127.0.0.1
push_in_http_port=${publishPort}
command_spec=ipc://{rundir}/{ipc_prefix}command
stats_spec=ipc://{rundir}/{ipc_prefix}stats
${renderSockets(handlerSockets)}`
}

// How its processes find each other. The packaged settings have zurl outside, as a service of the system.
const proxySockets = {
  condure_in_specs: 'condure-out',
  condure_in_stream_specs: 'condure-out-stream',
  condure_out_specs: 'condure-in',
  zurl_out_specs: 'zurl-in',
  zurl_out_stream_specs: 'zurl-in-stream',
  zurl_in_specs: 'zurl-out',
  handler_inspect_spec: 'inspect',
  handler_accept_spec: 'accept',
  handler_retry_in_spec: 'retry',
  handler_ws_control_in_spec: 'ws-control-in',
  handler_ws_control_out_spec: 'ws-control-out',
  stats_spec: 'proxy-stats',
  command_spec: 'proxy-command',
  intreq_in_specs: 'intreq-in',
  intreq_in_stream_specs: 'intreq-in-stream',
  intreq_out_specs: 'intreq-out',
}

const handlerSockets = {
  proxy_inspect_spec: 'inspect',
  proxy_accept_spec: 'accept',
  proxy_retry_out_spec: 'retry',
  proxy_ws_control_in_spec: 'ws-control-out',
  proxy_ws_control_out_spec: 'ws-control-in',
  proxy_stats_spec: 'proxy-stats',
  proxy_command_spec: 'proxy-command',
  condure_in_stream_specs: 'condure-out-stream',
  condure_out_specs: 'condure-in',
  // It insists on the names of another connection manager too, which is not started.
  m2a_in_stream_specs: 'm2a-out-stream',
  m2a_out_specs: 'm2a-in',
  proxy_intreq_out_specs: 'intreq-in',
  proxy_intreq_out_stream_specs: 'intreq-in-stream',
  proxy_intreq_in_specs: 'intreq-out',
}

function renderSockets(sockets: Readonly<Record<string, string>>): string {
  return Object.entries(sockets)
    .map(([name, socket]) => `${name}=ipc://{rundir}/{ipc_prefix}${socket}\n`)
    .join('')
}
