// The headers of a request that describe its body. A body is read as plain UTF-8, so one that is said to be
// something else would be stored as a text nobody sent.

import { quote } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { readMembers } from '../read-members.ts'

/** The headers of a request that say how its body is written. */
export interface BodyHeaders {
  readonly contentEncoding: string | undefined
  readonly contentType: string | undefined
}

/** UTF-8 by the names that are in use, and its part that is ASCII. */
const charsets = ['utf-8', 'utf8', 'us-ascii', 'ascii']

/** RFC 9110 §5.6.6; a quoted value may hold semicolons. */
const parameterShape = /;\s*([^\s=;"]+)=("(?:[^"\\]|\\.)*"|[^\s;"]*)/g

/**
 * Refuses a body that is compressed (RFC 9110 §8.4, §15.5.16) or in another charset than UTF-8.
 * @throws ServerError `CONTENT_ENCODING_UNSUPPORTED`, `CHARSET_UNSUPPORTED`, `OPTION_INVALID`
 */
export function checkBodyHeaders(headers: BodyHeaders): void {
  const { contentEncoding = '', contentType = '' } = readTexts(headers)
  const codings = contentEncoding.split(',').map((coding) => coding.trim().toLowerCase())
  if (!codings.every((coding) => coding === '' || coding === 'identity')) {
    throw new ServerError(
      'CONTENT_ENCODING_UNSUPPORTED',
      `Bodies are taken as they are, without Content-Encoding; got ${quote(contentEncoding)}. Send the body uncompressed.`,
    )
  }
  for (const [, name = '', value = ''] of contentType.matchAll(parameterShape)) {
    if (name.toLowerCase() !== 'charset') continue
    const charset = value.replaceAll(/^"|"$/g, '').toLowerCase()
    if (charsets.includes(charset)) continue
    throw new ServerError(
      'CHARSET_UNSUPPORTED',
      `Bodies are UTF-8; got the charset ${quote(charset)}. Encode the body as UTF-8 and say so, or leave the charset out.`,
    )
  }
}

function readTexts(headers: BodyHeaders): Partial<BodyHeaders> {
  const what = 'What the headers say of a body'
  const texts = readMembers(headers, ['contentEncoding', 'contentType'], {
    code: 'OPTION_INVALID',
    what,
  })
  for (const text of Object.values(texts)) {
    if (text === undefined || typeof text === 'string') continue
    throw new ServerError('OPTION_INVALID', `${what} must be text; got ${quote(text)}.`)
  }
  return texts
}
