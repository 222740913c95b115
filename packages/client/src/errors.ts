// Every error of the client, by code.

import type { Problem } from './problem.ts'

/** The meaning of each code, and what to do; `docs/reference/errors.md` is generated from it. */
export const clientErrors = {
  ANSWER_INVALID:
    'The server accepted a publish but its answer cannot be read; the URL is probably not a publish endpoint.',
  CONNECTION_DEAD:
    'Nothing came from the server for 2.5 heartbeats, or no answer for 5 minutes; the client connects again.',
  CONNECTION_ENDED: 'The server ended the stream; the client connects again.',
  CONNECTION_FAILED:
    'The server could not be reached or the connection broke; the client connects again.',
  CONTENT_TYPE_WRONG:
    'The URL answered with something that is not an event stream; check the URL and the proxies before it.',
  FEED_CLOSED:
    'The caller closed the feed or its client, or aborted the publish, before the work was done.',
  FEED_ITERATED: 'A feed can be iterated once; connect a second feed or use listeners.',
  HEADERS_FAILED: 'The `headers` function failed, or took over a minute; the client tries again.',
  LISTENER_INVALID:
    'A listener is a function, its name a text; of those that begin with `tidemark.`, one that exists.',
  OPTIONS_INVALID: 'An option is out of range, or of the wrong type.',
  REDIRECT_INVALID:
    'The server redirects to where no request can go, or a POST in a way that would drop its body.',
  REDIRECT_LOOP: 'The server redirects without end; the client tries again.',
  REFUSED: 'The server refused the request for good; see `status` and `problem`.',
  REQUEST_INVALID:
    'The request cannot be sent as it is: a header or an event breaks the rules of fetch or of JSON.',
  RETRIES_EXHAUSTED:
    'As many attempts in a row as allowed came to nothing; `cause` is the last failure.',
  SERVER_UNAVAILABLE: 'The server cannot serve now (408, 425, 429 or 5xx); the client tries again.',
  STATUS_WRONG:
    'The URL answered with a status that is neither a stream (200) nor a refusal; check the URL and the proxies before it.',
  STREAM_INVALID:
    'The stream has an event larger than `eventCharactersMax`, or a compressed one that cannot be opened; raise the limit if the server is trusted.',
  STREAM_STOPPED: 'The server answered 204: there is nothing more to come.',
  URL_INVALID: 'The URL cannot be used for a request.',
} as const

export type ClientErrorCode = keyof typeof clientErrors

/** Facts that came with an error. */
export interface ClientErrorOptions extends ErrorOptions {
  readonly status?: number | undefined
  readonly problem?: Problem | undefined
  readonly retryAfterMs?: number | undefined
}

/** An error of the client; `code` is stable, the message says what, got and what to do. */
export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: ClientErrorCode
  /** The HTTP status, when the server answered. */
  readonly status: number | undefined
  /** The server's own explanation (RFC 9457) with its `code` and `detail`, when it gave one. */
  readonly problem: Problem | undefined
  /** Milliseconds the server asked to wait (`Retry-After`), when it did. */
  readonly retryAfterMs: number | undefined

  constructor(code: ClientErrorCode, message: string, options: ClientErrorOptions = {}) {
    super(message, options)
    this.code = code
    this.status = options.status
    this.problem = options.problem
    this.retryAfterMs = options.retryAfterMs
  }
}

const passingCodes: ReadonlySet<ClientErrorCode> = new Set<ClientErrorCode>([
  'CONNECTION_DEAD',
  'CONNECTION_ENDED',
  'CONNECTION_FAILED',
  'HEADERS_FAILED',
  'REDIRECT_LOOP',
  'SERVER_UNAVAILABLE',
])

/** Whether trying again can help. */
export function isPassing(error: ClientError): boolean {
  return passingCodes.has(error.code)
}
