// Every refusal and error of this room, by code.

import { CodedError } from './refusal/coded-error.ts'
import type { CodeHeaders, ErrorRow } from './refusal/coded-error.ts'

/** One row per code; `docs/reference/errors.md` is generated from them. */
export const serverErrors = {
  QUERY_INVALID: {
    title: 'A query parameter or body member is unknown, repeated or has a value it cannot have.',
    status: 400,
  },
  FILTER_INVALID: {
    title:
      'A filter names no text where it must, is not of the form `{ types, keys, where }`, or is too long.',
    status: 400,
  },
  TOPIC_INVALID: { title: 'A topic or pattern breaks the rules for topics.', status: 400 },
  TOPIC_RESERVED: {
    title:
      'Topics that begin with `$` or `tidemark.` are the hub’s own and cannot be published to; those that begin with `$` cannot be read by clients either, unless `authorize` grants them by name.',
    status: 403,
  },
  TOPIC_SET_INVALID: { title: 'A subscription names no topic, or more than 1,000.', status: 400 },
  PRESENCE_OFF: {
    title: 'No rule of the kind `presence` matches the topic, so nobody keeps who is there.',
    status: 404,
  },
  UNAUTHENTICATED: {
    title:
      'The request brings no credentials that are accepted here. Sign in, and send them along.',
    status: 401,
    headers: { 'WWW-Authenticate': 'Bearer' },
  },
  TOPIC_FORBIDDEN: {
    title: 'The user is known, and may not do this with one of the topics that the request names.',
    status: 403,
  },
  PERMISSION_MISSING: {
    title: 'The user is known, and does not have the permission that the request takes.',
    status: 403,
  },
  USER_DIFFERS: {
    title:
      'A request or a fresh token is of another user than the open stream. Use those of the same user.',
    status: 403,
  },
  GRANT_MISSING: {
    title:
      'The open stream has no grant that could be renewed: its application has chosen its topics, or everybody may everything.',
    status: 409,
  },
  ACCESS_UNAVAILABLE: {
    title: 'Whether the request may do this cannot be found out at the moment. Try again later.',
    status: 503,
    headers: { 'Retry-After': 'varies' },
    bye: 'access-unavailable',
  },
  AUTHORIZE_MISSING: {
    title:
      'A client chose topics at a server whose application has not said what clients may. The application hands in `topics`, or makes the node with `authorize`.',
    status: 500,
  },
  EVENT_INVALID: {
    title:
      'An event to publish is not of the form `{ topic, type?, data, key?, tags?, permission?, ttl? }`.',
    status: 400,
  },
  EVENT_TYPE_INVALID: {
    title:
      'An event type is no text, holds a line break or NUL, is too long, or begins with `tidemark.`.',
    status: 400,
  },
  EVENT_DATA_INVALID: {
    title: 'The data of an event is not well-formed Unicode text.',
    status: 400,
  },
  EVENT_KEY_INVALID: {
    title: 'The key of an event is no text, holds a control character or is too long.',
    status: 400,
  },
  EVENT_PERMISSION_INVALID: {
    title: 'The permission of an event is no text, empty, too long, or holds a control character.',
    status: 400,
  },
  EVENT_TAGS_INVALID: {
    title:
      'The tags of an event are no map of texts, too many or too long, or hold what a tag may not.',
    status: 400,
  },
  EVENT_TTL_INVALID: {
    title: 'The life of an event is no duration, or not between a millisecond and 366 days.',
    status: 400,
  },
  EVENT_ID_INVALID: {
    title: 'The id of an event is no text, is too long, or holds a control character.',
    status: 400,
  },
  EVENT_TOO_LARGE: { title: 'The data of an event is larger than the limit.', status: 413 },
  BATCH_INVALID: { title: 'A publish request holds no event or too many.', status: 400 },
  TARGET_INVALID: {
    title:
      'An event is sent to nobody, to several kinds of targets at once, or to a target that cannot be read.',
    status: 400,
  },
  USER_INVALID: {
    title: 'A user is no plain segment of a topic, so that no event can be stored for that user.',
    status: 400,
  },
  HEAD_MOVED: {
    title:
      'The topic has newer events than the head that the publish names; nothing was published. Read the topic, and decide anew.',
    status: 412,
  },
  IDEMPOTENCY_KEY_INVALID: {
    title: 'The idempotency key is empty, too long, not visible ASCII, or one of the hub itself.',
    status: 400,
  },
  IDEMPOTENCY_KEY_REUSED: {
    title: 'The idempotency key was used for other events; use a new key for new events.',
    status: 422,
  },
  LOG_UNAVAILABLE: {
    title:
      'The log cannot take or give events at the moment; nothing of the request was stored. Try again.',
    status: 503,
    headers: { 'Retry-After': 'varies' },
    bye: 'log-unavailable',
  },
  LOG_DIRECTORY_LOST: {
    title:
      'The data directory of the log was removed, moved, replaced or copied over while it was open; nothing of the request was stored. An operator has to put it back, or start the hub anew.',
    status: 503,
    headers: { 'Retry-After': 'varies' },
    bye: 'log-unavailable',
  },
  LOG_SUPERSEDED: {
    title:
      'Another process began to write the log of this node as if nobody held it; nothing of the request was stored. An operator has to let the processes see each other, and start this one anew.',
    status: 503,
    headers: { 'Retry-After': 'varies' },
    bye: 'log-unavailable',
  },
  SCHEDULE_INVALID: {
    title:
      'The moment at which an event is to be published is none, too far ahead, or said in a way that cannot be.',
    status: 400,
  },
  SCHEDULE_FULL: {
    title:
      'The log holds as many events to publish later as it may, or the user does. Try again when some are published, or cancel some.',
    status: 503,
    headers: { 'Retry-After': 'varies' },
    bye: 'log-unavailable',
  },
  SCHEDULED_NOT_FOUND: {
    title: 'No event waits under this id: it was published or cancelled, or there was none.',
    status: 404,
  },
  SESSION_NOT_FOUND: {
    title: 'No open session has this id: it has closed, or there was none.',
    status: 404,
  },
  SESSION_UNREACHABLE: {
    title:
      'The node that the session lives at has not answered in time: it is gone, or it is slow. What was asked for may have been done, and will not be done later.',
    status: 504,
  },
  FULL: {
    title:
      'This node has as many sessions, or as many topics of them in memory, as it may have. Try again later or at another node.',
    status: 503,
    headers: { 'Retry-After': 'varies' },
    bye: 'full',
  },
  TOPIC_SETS_FULL: {
    title:
      'The log keeps as many changed topic sets of open streams as it may, so the stream goes on with the topics it has. Try again when some have ended.',
    status: 503,
    headers: { 'Retry-After': 'varies' },
    bye: 'full',
  },
  TOPIC_FULL: {
    title:
      'A topic has as many streams as its rule allows, on all nodes together; those that are there go on.',
    status: 503,
    headers: { 'Retry-After': 'varies' },
    bye: 'full',
  },
  TOPIC_RATE_LIMITED: {
    title:
      'A topic gets as many events as its rule allows, of all publishers together. Nothing was published. Try again later.',
    status: 429,
    headers: { 'Retry-After': 'varies' },
    bye: 'full',
  },
  DRAINING: {
    title:
      'This node is shutting down. Try again; another one answers, or this one once it is back.',
    status: 503,
    headers: { 'Retry-After': 'varies' },
    bye: 'draining',
  },
  OPTION_INVALID: {
    title: 'An option or argument of a node is of the wrong type or out of its range.',
    status: 500,
  },
  CONSUMER_INVALID: {
    title: 'A name of a consumer is none, or its new place is none.',
    status: 400,
  },
  CONSUMER_UNKNOWN: {
    title: 'The user has no consumer of this name: it was deleted, has expired, or never was.',
    status: 404,
  },
  CONSUMERS_FULL: {
    title:
      'The log keeps as many consumers as it may, or the user does; those that are there go on.',
    status: 503,
    headers: { 'Retry-After': 'varies' },
    bye: 'full',
  },
  RULE_INVALID: {
    title: 'A list of rules for topics has a rule that cannot hold; nothing was changed.',
    status: 400,
  },
  BODY_TOO_LARGE: { title: 'The body of the request is larger than the limit.', status: 413 },
  BODY_NOT_JSON: {
    title: 'The body of the request is not JSON in UTF-8, or a line of it is not.',
    status: 400,
  },
  CONTENT_ENCODING_UNSUPPORTED: {
    title: 'The body of the request is compressed; send it as it is, as `Accept-Encoding` says.',
    status: 415,
    headers: { 'Accept-Encoding': 'identity' },
  },
  CHARSET_UNSUPPORTED: {
    title: 'The body of the request is said to be in another charset than UTF-8.',
    status: 415,
  },
  BODY_UNUSABLE: {
    title: 'The body of the request handed in was already read, so no subscription is in it.',
    status: 500,
  },
  HEADERS_TOO_MANY: {
    title:
      'The request has more header fields than the server takes, or than it keeps, so that some may be missing.',
    status: 431,
  },
  METHOD_NOT_ALLOWED: {
    title:
      'What the request asks for exists, but not with this method; the Allow header lists what it takes.',
    status: 405,
    headers: { Allow: 'GET, HEAD, POST' },
  },
  STREAM_CUT: {
    title:
      'A stream was cut because its reader took nothing for too long, or because the application sent more than may wait for it.',
    status: 500,
  },
  INTERNAL: { title: 'The server made a mistake.', status: 500 },
  RESPONSE_UNUSABLE: {
    title: 'The response handed in was already begun, so no stream can be opened on it.',
    status: 500,
  },
} as const

export type ServerErrorCode = keyof typeof serverErrors

/** An error of the engine; `code` is stable, the message says what, got and what to do. */
export class ServerError extends CodedError {
  override readonly name = 'ServerError'
  readonly code: ServerErrorCode

  constructor(
    code: ServerErrorCode,
    message: string,
    options?: ErrorOptions & { readonly headers?: CodeHeaders },
  ) {
    super(message, options)
    this.code = code
  }

  override get row(): ErrorRow {
    return serverErrors[this.code]
  }
}
