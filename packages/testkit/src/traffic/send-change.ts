// One request to change the topics of an open stream, and what became of it.

import { request as requestPlainly } from 'node:http'
import { request as requestSecurely } from 'node:https'
import { answerMsMax } from './limits.ts'

/** Other topics for a stream. */
export interface StreamChange {
  readonly add: readonly string[]
  readonly remove: readonly string[]
  /** A cursor from which on added topics are replayed. */
  readonly from?: string | undefined
}

/** A stream to change. */
export interface ChangedStream {
  /** Of any hub of its log, without a slash at its end. */
  readonly url: string
  readonly session: string
}

/** Resolves to the status of the answer; undefined where there was none. */
export function sendChange(
  { url, session }: ChangedStream,
  change: StreamChange,
): Promise<number | undefined> {
  return new Promise((resolve) => {
    // The certificate of a test is nobody's.
    const trust = { rejectUnauthorized: false }
    const options = { method: 'PATCH', timeout: answerMsMax, ...trust }
    const request = url.startsWith('https:') ? requestSecurely : requestPlainly
    const outgoing = request(`${url}/sessions/${session}`, options)
    outgoing.once('timeout', () => outgoing.destroy())
    outgoing.once('error', () => resolve(undefined))
    outgoing.once('response', (response) => {
      response.resume()
      response.on('error', () => resolve(undefined))
      response.on('end', () => resolve(response.statusCode))
    })
    outgoing.end(JSON.stringify(change))
  })
}
