// Errors that may answer a request, and the rows that say how each code is answered.

import type { ByeReason } from '../framing/bye-reason.ts'

/** Headers that an answer carries because of its code. */
export type CodeHeader =
  | 'Accept-Encoding'
  | 'Allow'
  | 'RateLimit-Limit'
  | 'RateLimit-Remaining'
  | 'RateLimit-Reset'
  | 'Retry-After'
  | 'WWW-Authenticate'

/** Values of such headers. */
export type CodeHeaders = Readonly<Partial<Record<CodeHeader, string>>>

/** All there is to know of one code. `docs/reference/errors.md` is generated from these rows. */
export interface ErrorRow {
  /** The meaning of the code and the way out, the same every time. */
  readonly title: string
  /**
   * The HTTP status it is answered with. Default 500: it is thrown in code, and in an answer a fault of the
   * server.
   */
  readonly status?: number | undefined
  /** With which headers. `varies`: the error says the value (`Allow`), or the node does (`Retry-After`). */
  readonly headers?: CodeHeaders | undefined
  /**
   * Why a refused stream ends, where it passes (503, 429) and the client is one that comes back after a
   * goodbye only. Default then: `full`.
   */
  readonly bye?: ByeReason | undefined
}

/** An error with a stable code, and with the row of that code. Each room has one class of its own. */
export abstract class CodedError extends Error {
  abstract readonly code: string
  /** The row of the code in the registry of the room. */
  abstract readonly row: ErrorRow
  /** Values of headers that vary from one error of a code to the next. */
  readonly headers: CodeHeaders

  constructor(message: string, options: ErrorOptions & { readonly headers?: CodeHeaders } = {}) {
    super(message, options)
    this.headers = options.headers ?? {}
  }

  /** The HTTP status for this error. */
  get status(): number {
    return this.row.status ?? 500
  }

  /** Whether the same request may succeed later: the client should come back by itself. */
  get isPassing(): boolean {
    return this.status === 503 || this.status === 429
  }
}

/** Whether the server or its application is at fault, and not the request: its operator should hear of it. */
export function isFault(error: unknown): boolean {
  return !(error instanceof CodedError) || error.status === 500
}
