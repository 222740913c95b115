// One publish request over HTTP, and what became of it.

import { request as requestPlainly } from 'node:http'
import { request as requestSecurely } from 'node:https'
import { answerMsMax } from './limits.ts'
import type { PublishTarget } from './publish-targets.ts'

/** A request to publish. */
export interface PublishMessage {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Whether to cut it off on the sender's own side as soon as it has left. */
  readonly isCut: boolean
}

export type PublishOutcome =
  | { readonly kind: 'acknowledged'; readonly cursor: string }
  /** Nobody listened: the hub has seen nothing of it. */
  | { readonly kind: 'unsent' }
  /** Cut off before the answer, or answered that the log is unavailable. */
  | { readonly kind: 'unanswered' }

/** Sends one request; rejects when it is refused for good, or hangs. */
export function sendPublish(
  target: PublishTarget,
  message: PublishMessage,
): Promise<PublishOutcome> {
  const { path, headers, body, isCut } = message
  return new Promise((resolve, reject) => {
    // The certificate of a test is nobody's.
    const trust = { rejectUnauthorized: false }
    const options = { method: 'POST', headers, timeout: answerMsMax, ...trust }
    const request = target.url.startsWith('https:') ? requestSecurely : requestPlainly
    const outgoing = request(`${target.url}${path}`, options)
    outgoing.once('finish', () => {
      target.noteSend()
      if (isCut) outgoing.destroy()
    })
    outgoing.once('timeout', () => {
      reject(new Error(`No answer to POST ${path} within ${answerMsMax} ms.`))
      outgoing.destroy()
    })
    outgoing.once('error', (error: NodeJS.ErrnoException) => {
      resolve({ kind: error.code === 'ECONNREFUSED' ? 'unsent' : 'unanswered' })
    })
    outgoing.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => (text += part))
      response.on('error', () => resolve({ kind: 'unanswered' }))
      response.on('end', () => {
        if (response.statusCode === 200) {
          resolve({ kind: 'acknowledged', cursor: readCursor(text) })
        } else if (response.statusCode === 503) {
          resolve({ kind: 'unanswered' })
        } else {
          reject(new Error(`POST ${path} was answered ${response.statusCode}: ${text}`))
        }
      })
    })
    outgoing.end(body)
  })
}

function readCursor(text: string): string {
  const { cursor } = JSON.parse(text) as { cursor: string }
  return cursor
}
