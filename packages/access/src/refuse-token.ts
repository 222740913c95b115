// The refusal of a token, with the header that says it to programs (RFC 6750 §3).

import { AccessError } from './errors.ts'
import type { AccessErrorCode } from './errors.ts'

/** Characters of a description in the header: a sentence or two. */
const descriptionCharactersMax = 300

/** @param detail never the token, nor a part of it that is secret */
export function refuseToken(
  detail: string,
  code: Extract<
    AccessErrorCode,
    'TICKET_INVALID' | 'TOKEN_EXPIRED' | 'TOKEN_INVALID'
  > = 'TOKEN_INVALID',
  cause?: unknown,
): AccessError {
  const challenge = `Bearer error="invalid_token", error_description="${toQuotable(detail)}"`
  return withoutStack(
    () => new AccessError(code, detail, { cause, headers: { 'WWW-Authenticate': challenge } }),
  )
}

/**
 * Where a token was refused is said by the code and the detail. To note the calls that led there costs 12 of
 * 110 µs for each bad token of a flood: `npm run bench -- bad-tokens`.
 */
function withoutStack<Made>(make: () => Made): Made {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return make()
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

/** Characters that `error_description` may have. */
function toQuotable(text: string): string {
  return text
    .slice(0, descriptionCharactersMax)
    .replaceAll(/["\\]/g, "'")
    .replaceAll(/[^\x20-\x7e]/g, '?')
}
