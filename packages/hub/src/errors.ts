// Every error of the hub, by code: what HTTP clients get, and what stops it from starting.

/** What each code means and what to do; `docs/reference/errors.md` is generated from it. */
export const hubErrors = {
  NOT_FOUND: 'There is nothing at this path.',
  METHOD_NOT_ALLOWED:
    'The path exists, but not with this method; the Allow header lists what it takes.',
  PATH_INVALID: 'The topic in the path is not percent-encoded UTF-8, segment by segment.',
  QUERY_INVALID: 'A query parameter is unknown, repeated or has a value it cannot have.',
  BODY_TOO_LARGE: 'The body of the request is larger than the limit.',
  BODY_NOT_UTF8: 'The body of the request is not UTF-8.',
  BODY_NOT_JSON: 'The body of the request is not JSON, or a line of it is not.',
  HEADERS_TOO_LARGE:
    'The request line and headers are larger than the limit; long topic lists go into the body of POST /events.',
  REQUEST_MALFORMED:
    'What was sent is not an HTTP request, has a target that names nothing here, or has no Host, or two.',
  EXPECTATION_FAILED: 'The Expect header asks for something else than 100-continue.',
  TRANSFER_ENCODING_UNSUPPORTED: 'The body comes in a transfer coding other than chunked.',
  REQUEST_TIMEOUT: 'The request did not arrive in time.',
  HOST_FOREIGN: 'Without authentication the hub answers to loopback names only.',
  CROSS_SITE:
    'A web page of another origin may not publish, open a stream or ask for readiness; its visitor did not ask for it.',
  OVERLOADED:
    'The hub holds as many bytes of request bodies, or of answers that are not read, as it may. Try again later.',
  NOT_READY: 'The hub cannot publish and deliver at the moment.',
  INTERNAL: 'The hub made a mistake.',
  CONFIG_INVALID: 'A setting is unknown or out of range.',
  CONFIG_UNREADABLE: 'The configuration file cannot be read or is not JSON.',
  HOST_NEEDS_AUTH: 'Without authentication the hub listens on loopback only.',
  TLS_UNUSABLE: 'The certificate or the key of TLS cannot be read or used.',
  PORT_IN_USE: 'Another program listens on this port.',
  ADDRESS_UNUSABLE: 'The hub cannot listen on this address.',
  WORKER_ENDED:
    'A worker process ended before it could serve, or before it had sent its sessions away.',
} as const

export type HubErrorCode = keyof typeof hubErrors

const statuses: Readonly<Partial<Record<HubErrorCode, number>>> = {
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  PATH_INVALID: 400,
  QUERY_INVALID: 400,
  BODY_TOO_LARGE: 413,
  BODY_NOT_UTF8: 400,
  BODY_NOT_JSON: 400,
  HEADERS_TOO_LARGE: 431,
  REQUEST_MALFORMED: 400,
  EXPECTATION_FAILED: 417,
  TRANSFER_ENCODING_UNSUPPORTED: 501,
  REQUEST_TIMEOUT: 408,
  HOST_FOREIGN: 403,
  CROSS_SITE: 403,
  OVERLOADED: 503,
  NOT_READY: 503,
}

/** An error of the hub; `code` is stable, the message says what, got and what to do. */
export class HubError extends Error {
  override readonly name = 'HubError'
  readonly code: HubErrorCode
  /** Methods for the Allow header of a 405. */
  readonly allow: string | undefined

  constructor(
    code: HubErrorCode,
    message: string,
    options?: ErrorOptions & { readonly allow?: string },
  ) {
    super(message, options)
    this.code = code
    this.allow = options?.allow
  }

  /** The HTTP status for this error. */
  get status(): number {
    return statuses[this.code] ?? 500
  }

  /** Whether the same request may succeed later. */
  get isPassing(): boolean {
    return this.status === 503
  }
}
