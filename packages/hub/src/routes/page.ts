// `GET /`: a page to watch topics and publish, three files as they are.

import { readFile } from 'node:fs/promises'
import { sendAnswer } from '@tidemark/server/hub'
import { readQuery } from './query.ts'
import type { Route } from './route.ts'

const folder = new URL('../../page/', import.meta.url)

/** Only the hub itself may be talked to, and no inline code runs: an event's text can never become code. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ')

/** A route that answers with one of the page's files. */
export function servePageFile(name: string, mediaType: string): Route {
  return async ({ response, query }, { unreadAnswers }) => {
    // The page keeps its topics in its own query.
    if (name !== 'index.html') readQuery(query, [])
    const bytes = await readFile(new URL(name, folder))
    unreadAnswers.hold(response, bytes.length)
    sendAnswer(response, {
      status: 200,
      headers: {
        'Content-Type': mediaType,
        'Content-Length': String(bytes.length),
        'Content-Security-Policy': contentSecurityPolicy,
        'Cache-Control': 'no-cache',
        'X-Frame-Options': 'DENY',
        'Referrer-Policy': 'no-referrer',
      },
      body: bytes,
    })
  }
}
