// One request by each door: a hub over HTTP/1.1, another over HTTP/2 with TLS, and an application of the
// Fetch API. All take the same tokens.

import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { request as requestHttp } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { IncomingHttpHeaders } from 'node:http2'
import { createAccess } from '@tidemark/access'
import type { AccessOptions } from '@tidemark/access'
import { createTidemark, describeRequest } from '@tidemark/server/fetch'
import type { Tidemark } from '@tidemark/server/fetch'
import { CodedError, answerCoded } from '@tidemark/server/hub'
import { sendRaw, waitUntil } from '@tidemark/testkit'
import { onTestFinished } from 'vitest'
import { loadConfig, startHub } from '../../src/index.ts'
import type { Hub } from '../../src/index.ts'
import { makeCertificate } from './certificate.ts'
import { connectHttp2, request as requestHttp2 } from './http2.ts'
import { exchange } from './raw.ts'

export type Fields = Readonly<Record<string, string>>

export interface AskedDoor {
  readonly method?: string
  readonly path: string
  readonly headers?: Fields
  readonly body?: string
}

export interface DoorAnswer {
  readonly status: number
  /** By names in small letters. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export const doorNames = ['HTTP/1.1', 'HTTP/2', 'fetch'] as const
export type DoorName = (typeof doorNames)[number]

/** A stream as it comes. */
interface DoorStream {
  readonly text: string
  until(part: string): Promise<void>
}

/** The doors of one configuration, until they are closed. */
export interface Doors {
  readonly port: number
  readonly securePort: number
  ask(door: DoorName, asked: AskedDoor): Promise<DoorAnswer>
  /** The status of an answer that may be a stream, which is left as soon as it begins. */
  statusOf(door: DoorName, asked: AskedDoor): Promise<number>
  /** Opens a stream; resolves when it is ready. */
  stream(door: DoorName, asked: AskedDoor): Promise<DoorStream>
  close(): Promise<void>
}

export interface DoorsOptions {
  /** Of the hub, as in its file. */
  readonly settings: object
  /** Of the application, which means the same. */
  readonly access: AccessOptions
  /** Empty, or with the files that the settings name. */
  readonly directory: string
}

export async function openDoors({
  settings,
  access: accessOptions,
  directory,
}: DoorsOptions): Promise<Doors> {
  await writeFile(`${directory}/tidemark.config.json`, JSON.stringify(settings))
  const certificate = await makeCertificate()
  const start = (flags: Fields): Promise<Hub> =>
    startHub(
      loadConfig({
        flags: { port: '0', data: 'memory:', ...flags },
        env: {},
        directory,
      }),
      { onLine: () => undefined },
    )
  const [hub, secureHub] = await Promise.all([start({}), start(certificate.flags)])
  const access = createAccess(accessOptions)
  const tide = createTidemark({ authorize: access.authorize })
  const [port, securePort] = [portOf(hub), portOf(secureHub)]
  return {
    port,
    securePort,
    ask: (door, asked) => {
      if (door === 'HTTP/1.1') return askHttp1(port, asked)
      return door === 'HTTP/2' ? askHttp2(securePort, asked) : askFetch(tide, asked)
    },
    statusOf: (door, asked) => readStatus(door, asked, { port, securePort, tide }),
    stream: async (door, asked) => {
      const stream = await openStream(door, asked, { port, securePort, tide })
      await stream.until('"session":"')
      return stream
    },
    close: async () => {
      access.close()
      await Promise.all([hub.close(), secureHub.close(), tide.close(), certificate.remove()])
    },
  }
}

type Hosts = Pick<Doors, 'port' | 'securePort'> & { readonly tide: Tidemark }

async function readStatus(
  door: DoorName,
  asked: AskedDoor,
  { port, securePort, tide }: Hosts,
): Promise<number> {
  const { method = 'GET', path, headers = {}, body } = asked
  if (door === 'fetch') {
    const answer = await route(tide, toRequest(asked), '')
    await answer.body?.cancel()
    return answer.status
  }
  if (door === 'HTTP/1.1') {
    const sent = requestHttp({ port, host: '127.0.0.1', method, path, headers, agent: false }).end(
      body,
    )
    sent.on('error', () => undefined)
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    sent.destroy()
    return answer.statusCode ?? 0
  }
  const session = connectHttp2(securePort)
  const stream = session.request({ ':method': method, ':path': path, ...headers })
  stream.on('error', () => undefined)
  stream.end(body)
  const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders]
  session.destroy()
  return Number(answer[':status'])
}

async function openStream(
  door: DoorName,
  { path, headers = {} }: AskedDoor,
  { port, securePort, tide }: Hosts,
): Promise<DoorStream> {
  if (door === 'HTTP/1.1') {
    const client = sendRaw(
      port,
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\n${fieldLines(headers)}\r\n`,
    )
    onTestFinished(() => void client.socket.destroy())
    return client
  }
  const parts =
    door === 'HTTP/2' ? partsOfHttp2(securePort, path, headers) : partsOfFetch(tide, path, headers)
  let text = ''
  void (async () => {
    for await (const part of parts) text += part
  })().catch(() => undefined)
  return {
    get text() {
      return text
    },
    until: (part) => waitUntil(part, () => text.includes(part)),
  }
}

function partsOfHttp2(port: number, path: string, headers: Fields): AsyncIterable<string> {
  const stream = connectHttp2(port).request({ ':path': path, ...headers })
  stream.on('error', () => undefined)
  return stream.setEncoding('utf8')
}

async function* partsOfFetch(tide: Tidemark, path: string, headers: Fields): AsyncIterable<string> {
  const leaving = new AbortController()
  onTestFinished(() => leaving.abort())
  const { signal } = leaving
  const answer = await tide.fetch(new Request(`http://localhost${path}`, { headers, signal }))
  const decoder = new TextDecoder()
  for await (const chunk of answer.body ?? []) yield decoder.decode(chunk, { stream: true })
}

function fieldLines(headers: Fields): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
}

const portOf = ({ url }: Hub): number => Number(new URL(url).port)

async function askHttp1(
  port: number,
  { method = 'GET', path, headers = {}, body = '' }: AskedDoor,
): Promise<DoorAnswer> {
  const head = `Host: localhost:${port}\r\nConnection: close\r\n${fieldLines(headers)}`
  const length = Buffer.byteLength(body)
  const text = `${method} ${path} HTTP/1.1\r\n${head}Content-Length: ${length}\r\n\r\n${body}`
  const answer = await exchange(port, [text])
  const fields = answer.headers.split('\r\n').slice(1)
  return {
    status: answer.status,
    headers: Object.fromEntries(fields.map(splitField)),
    body: answer.body,
  }
}

function splitField(line: string): [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
}

async function askHttp2(
  port: number,
  { method = 'GET', path, headers = {}, body }: AskedDoor,
): Promise<DoorAnswer> {
  const session = connectHttp2(port)
  const small = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  const given = { ':method': method, ':path': path, ...Object.fromEntries(small) }
  const answer = await requestHttp2(session, given, body)
  session.close()
  const fields = Object.entries(answer.headers).map(([name, value]) => [name, String(value)])
  return { status: answer.status, headers: Object.fromEntries(fields), body: answer.body }
}

/** An application with routes of its own for what the door does not have. */
export async function askFetch(tide: Tidemark, asked: AskedDoor): Promise<DoorAnswer> {
  const answer = await route(tide, toRequest(asked), asked.body ?? '')
  return {
    status: answer.status,
    headers: Object.fromEntries(answer.headers),
    body: await answer.text(),
  }
}

function toRequest({ method = 'GET', path, headers = {}, body = '' }: AskedDoor): Request {
  const url = `http://localhost${path}`
  return new Request(url, { method, headers, ...(body === '' ? {} : { body }) })
}

async function route(tide: Tidemark, request: Request, data: string): Promise<Response> {
  const { pathname } = new URL(request.url)
  const by = describeRequest(request)
  const topic = /^\/topics\/(.+)$/.exec(pathname)?.[1]
  try {
    if (pathname === '/stats') {
      await tide.requirePermission(by, 'admin')
      return Response.json({})
    }
    if (topic === undefined) return await tide.fetch(request)
    if (request.method === 'GET') return Response.json(await tide.history({ topic, by }))
    return Response.json(await tide.publish(topic, { data }, { by }))
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    const { status, headers, body } = answerCoded(error)
    return new Response(new Uint8Array(body), { status, headers })
  }
}
