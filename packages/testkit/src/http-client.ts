// A client of any HTTP server: whole answers, and streams as they come. Each on a connection of its own.

import { once } from 'node:events'
import { request as requestHttp } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { createDecoder } from '@tidemark/wire'
import type { DecodedEvent } from '@tidemark/wire'

type SentHeaders = Readonly<Record<string, string>>

/** A whole answer. */
export interface Answered {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A stream that is being read. */
export interface Streamed {
  readonly status: number
  readonly events: readonly DecodedEvent[]
  /** The reasons of its goodbyes. */
  readonly byes: readonly string[]
  readonly lastEventId: string
  /** Resolves when the answer has ended. */
  readonly ended: Promise<unknown>
  leave(): void
}

/** Sends a request and reads the whole answer. */
export async function askHttp(
  port: number,
  {
    method,
    path,
    headers = {},
    body: sent,
  }: { method: string; path: string; headers?: SentHeaders | undefined; body?: string | undefined },
): Promise<Answered> {
  const asked = requestHttp({ port, host: '127.0.0.1', method, path, headers, agent: false }).end(
    sent,
  )
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  let body = ''
  answer.setEncoding('utf8').on('data', (text: string) => (body += text))
  await once(answer, 'end')
  return { status: answer.statusCode ?? 0, headers: answer.headers, body }
}

/** Opens a stream and reads it as it comes. */
export async function streamHttp(
  port: number,
  path: string,
  headers: SentHeaders = {},
): Promise<Streamed> {
  const accept = { Accept: 'text/event-stream', ...headers }
  const asked = requestHttp({ port, host: '127.0.0.1', path, headers: accept, agent: false }).end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  const events: DecodedEvent[] = []
  const decoder = createDecoder({ event: (event) => void events.push(event) })
  answer.on('data', (bytes: Buffer) => decoder.push(bytes))
  answer.on('error', () => undefined)
  asked.on('error', () => undefined)
  return {
    status: answer.statusCode ?? 0,
    events,
    get byes() {
      return events
        .filter(({ type }) => type === 'tidemark.bye')
        .map(({ data }) => (JSON.parse(data) as { reason: string }).reason)
    },
    get lastEventId() {
      return events.findLast(({ id }) => id !== '')?.id ?? ''
    },
    ended: once(answer, 'close'),
    leave: () => void asked.destroy(),
  }
}
