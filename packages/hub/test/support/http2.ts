// A client of `node:http2` that trusts everybody, one request at a time.

import { connect } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { onTestFinished } from 'vitest'

export interface Http2Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** 0: the stream ended in good order. */
  readonly rstCode: number
}

/** Connects to a hub; the connection goes with the test. */
export function connectHttp2(port: number): ClientHttp2Session {
  const session = connect(`https://localhost:${port}`, { rejectUnauthorized: false })
  session.on('error', () => undefined)
  onTestFinished(() => session.destroy())
  return session
}

/** Sends a request with a body, if any, and collects its answer. */
export function request(
  session: ClientHttp2Session,
  headers: Readonly<Record<string, string>>,
  body?: string,
): Promise<Http2Answer> {
  const stream = session.request(headers, { endStream: body === undefined })
  const answer = collect(stream)
  if (body !== undefined) stream.end(body)
  return answer
}

/** The answer on a stream, until it closes. */
export function collect(stream: ClientHttp2Stream): Promise<Http2Answer> {
  return new Promise((resolve) => {
    let body = ''
    let headers: IncomingHttpHeaders = {}
    stream.setEncoding('utf8')
    stream.on('response', (incoming) => (headers = incoming))
    stream.on('data', (chunk: string) => (body += chunk))
    stream.on('error', () => undefined)
    stream.on('close', () => {
      const status = Number(headers[':status'] ?? 0)
      resolve({ status, headers, body, rstCode: stream.rstCode ?? 0 })
    })
  })
}

/** Opens a stream of events; resolves once `part` has come, to a way to wait for more. */
export async function follow(
  session: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ stream: ClientHttp2Stream; until: (part: string) => Promise<void> }> {
  const stream = session.request({ ':path': path, ...headers })
  let text = ''
  const waiting = new Set<() => void>()
  stream.setEncoding('utf8')
  stream.on('error', () => undefined)
  stream.on('data', (chunk: string) => {
    text += chunk
    for (const check of waiting) check()
  })
  const until = (part: string): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!text.includes(part)) return
        waiting.delete(check)
        resolve()
      }
      waiting.add(check)
      check()
    })
  await until('tidemark.ready')
  return { stream, until }
}
