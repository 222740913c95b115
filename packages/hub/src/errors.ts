// Every error of the hub, by code: what HTTP clients get, and what stops it from starting.

import { CodedError } from '@tidemark/server/hub'
import type { CodeHeaders, ErrorRow } from '@tidemark/server/hub'

/**
 * One row per code; `docs/reference/errors.md` is generated from them. A code that the engine refuses
 * with as well is a row of `serverErrors`.
 */
export const hubErrors = {
  NOT_FOUND: { title: 'There is nothing at this path.', status: 404 },
  PATH_INVALID: {
    title: 'The topic in the path is not percent-encoded UTF-8, segment by segment.',
    status: 400,
  },
  BODY_NOT_UTF8: { title: 'The body of the request is not UTF-8.', status: 400 },
  HEADERS_TOO_LARGE: {
    title:
      'The request line and headers are larger than the limit; long topic lists go into the body of POST /events.',
    status: 431,
  },
  REQUEST_MALFORMED: {
    title:
      'The bytes are no HTTP request, or its target names nothing here, or it has no Host, or two.',
    status: 400,
  },
  EXPECTATION_FAILED: {
    title: 'The Expect header asks for something else than 100-continue.',
    status: 417,
  },
  TRANSFER_ENCODING_UNSUPPORTED: {
    title: 'The body comes in a transfer coding other than chunked.',
    status: 501,
  },
  REQUEST_TIMEOUT: { title: 'The request did not arrive in time.', status: 408 },
  HOST_FOREIGN: {
    title: 'Without authentication the hub answers to loopback names only.',
    status: 403,
  },
  OVERLOADED: {
    title:
      'The hub holds as many bytes of request bodies, or of answers that are not read, as it may. Try again later.',
    status: 503,
    headers: { 'Retry-After': 'varies' },
  },
  NOT_READY: {
    title: 'The hub cannot publish and deliver at the moment.',
    status: 503,
    headers: { 'Retry-After': 'varies' },
  },
  STATS_UNAVAILABLE: {
    title: 'The process that adds up what all workers have counted does not answer. Try again.',
    status: 503,
    headers: { 'Retry-After': 'varies' },
  },
  WEBHOOK_UNKNOWN: { title: 'There is no webhook of this id.', status: 404 },
  WEBHOOK_REPLAY_INVALID: {
    title: 'The place from which a webhook should go on is neither a cursor nor `earliest`.',
    status: 400,
  },
  CONFIG_INVALID: { title: 'A setting is unknown or out of range.' },
  CONFIG_UNREADABLE: { title: 'The configuration file cannot be read or is not JSON.' },
  TOKENS_UNCHECKED: {
    title: 'The settings name no key that tokens could be checked with.',
  },
  SIGNING_KEY_MISSING: {
    title: 'The settings have no secret to sign a token with, and no private key was given.',
  },
  HOST_NEEDS_AUTH: { title: 'Without authentication the hub listens on loopback only.' },
  AUTH_KEYS_UNREACHABLE: {
    title: 'The keys that tokens are checked with cannot be fetched or read.',
  },
  TLS_UNUSABLE: { title: 'The certificate or the key of TLS cannot be read or used.' },
  PORT_IN_USE: { title: 'Another program listens on this port.' },
  ADDRESS_UNUSABLE: { title: 'The hub cannot listen on this address.' },
  WORKER_ENDED: {
    title: 'A worker process ended before it could serve, or before it had sent its sessions away.',
  },
} as const

export type HubErrorCode = keyof typeof hubErrors

/** An error of the hub; `code` is stable, the message says what, got and what to do. */
export class HubError extends CodedError {
  override readonly name = 'HubError'
  readonly code: HubErrorCode

  constructor(
    code: HubErrorCode,
    message: string,
    options?: ErrorOptions & { readonly headers?: CodeHeaders },
  ) {
    super(message, options)
    this.code = code
  }

  override get row(): ErrorRow {
    return hubErrors[this.code]
  }
}
