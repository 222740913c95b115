// `GET /`: a page to watch topics and publish, and its files as they are.

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
  return async ({ response, query }, { isLocked, unreadAnswers }) => {
    // The page keeps its topics in its own query.
    if (name !== 'index.html') readQuery(query, [])
    const file = await readFile(new URL(name, folder))
    const bytes = isLocked && name === 'index.html' ? markLocked(file) : file
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

/** The page of a hub that asks for tokens asks for one, before anything is refused. */
function markLocked(html: Buffer): Buffer {
  return Buffer.from(html.toString().replace('<html lang="en">', '<html lang="en" data-locked>'))
}
