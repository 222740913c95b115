// Every refusal and error of this room, by code.

/** What each code means and what to do; `docs/reference/errors.md` is generated from it. */
export const serverErrors = {
  QUERY_INVALID:
    'A query parameter or body member is unknown, repeated or has a value it cannot have.',
  TOPIC_INVALID: 'A topic or pattern breaks the rules for topics.',
  TOPIC_RESERVED:
    'Topics that begin with `$` or `tidemark.` are the hub’s own and cannot be published to.',
  TOPIC_SET_INVALID: 'A subscription names no topic, or more than 1,000.',
  EVENT_INVALID: 'An event to publish is not of the form `{ topic, type?, data, key? }`.',
  EVENT_TYPE_INVALID:
    'An event type is no text, holds a line break or NUL, is too long, or begins with `tidemark.`.',
  EVENT_DATA_INVALID: 'The data of an event is not well-formed Unicode text.',
  EVENT_KEY_INVALID: 'The key of an event is no text, holds a control character or is too long.',
  EVENT_TOO_LARGE: 'The data of an event is larger than the limit.',
  BATCH_INVALID: 'A publish request holds no event or too many.',
  IDEMPOTENCY_KEY_INVALID:
    'The idempotency key is empty, too long, not visible ASCII, or one of the hub itself.',
  IDEMPOTENCY_KEY_REUSED:
    'The idempotency key was used for other events; use a new key for new events.',
  LOG_UNAVAILABLE:
    'The log cannot take or give events at the moment; nothing of the request was stored. Try again.',
  LOG_DIRECTORY_LOST:
    'The data directory of the log was removed, moved, replaced or copied over while it was open; nothing of the request was stored. An operator has to put it back, or start the hub anew.',
  LOG_SUPERSEDED:
    'Another process began to write the log of this node as if nobody held it; nothing of the request was stored. An operator has to let the processes see each other, and start this one anew.',
  FULL: 'This node has as many sessions, or as many topics of them in memory, as it may have. Try again later or at another node.',
  DRAINING:
    'This node is shutting down. Try again; another one answers, or this one once it is back.',
  OPTION_INVALID: 'An option or argument of a node is of the wrong type or out of its range.',
  BODY_TOO_LARGE: 'The body of a subscription is larger than the limit.',
  BODY_NOT_JSON: 'The body of a subscription is not JSON in UTF-8.',
  CONTENT_ENCODING_UNSUPPORTED:
    'The body of the request is compressed; send it as it is, as `Accept-Encoding` says.',
  CHARSET_UNSUPPORTED: 'The body of the request is said to be in another charset than UTF-8.',
  BODY_UNUSABLE: 'The body of the request handed in was already read, so no subscription is in it.',
  HEADERS_TOO_MANY:
    'The request has more header fields than the server takes, or than it keeps, so that some may be missing.',
  METHOD_NOT_ALLOWED:
    'A stream is asked for with GET, HEAD or POST, unless the application hands in the subscription.',
  STREAM_CUT: 'A stream was cut because its reader took nothing for too long.',
  RESPONSE_UNUSABLE: 'The response handed in was already begun, so no stream can be opened on it.',
} as const

export type ServerErrorCode = keyof typeof serverErrors

/** HTTP status a code is answered with. */
const statuses: Readonly<Record<ServerErrorCode, number>> = {
  QUERY_INVALID: 400,
  TOPIC_INVALID: 400,
  TOPIC_RESERVED: 403,
  TOPIC_SET_INVALID: 400,
  EVENT_INVALID: 400,
  EVENT_TYPE_INVALID: 400,
  EVENT_DATA_INVALID: 400,
  EVENT_KEY_INVALID: 400,
  EVENT_TOO_LARGE: 413,
  BATCH_INVALID: 400,
  IDEMPOTENCY_KEY_INVALID: 400,
  IDEMPOTENCY_KEY_REUSED: 422,
  LOG_UNAVAILABLE: 503,
  LOG_DIRECTORY_LOST: 503,
  LOG_SUPERSEDED: 503,
  FULL: 503,
  DRAINING: 503,
  OPTION_INVALID: 500,
  BODY_TOO_LARGE: 413,
  BODY_NOT_JSON: 400,
  CONTENT_ENCODING_UNSUPPORTED: 415,
  CHARSET_UNSUPPORTED: 415,
  BODY_UNUSABLE: 500,
  HEADERS_TOO_MANY: 431,
  METHOD_NOT_ALLOWED: 405,
  STREAM_CUT: 500,
  RESPONSE_UNUSABLE: 500,
}

/** An error of the engine; `code` is stable, the message says what, got and what to do. */
export class ServerError extends Error {
  override readonly name = 'ServerError'
  readonly code: ServerErrorCode

  constructor(code: ServerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }

  /** The HTTP status for this error. */
  get status(): number {
    return statuses[this.code]
  }

  /** Whether the same request may succeed later: the client should come back by itself. */
  get isPassing(): boolean {
    return this.status === 503
  }
}
