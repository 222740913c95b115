// The JSON body of a `Request`.

import { checkBodyHeaders } from '../body-headers.ts'
import { ServerError } from '../errors.ts'
import { JsonBody } from '../json-body.ts'

/**
 * Reads the body of a request as JSON.
 * @throws ServerError `BODY_TOO_LARGE` (as soon as it is known), `BODY_NOT_JSON`, `BODY_UNUSABLE`,
 * `CONTENT_ENCODING_UNSUPPORTED`, `CHARSET_UNSUPPORTED`
 */
export async function readJson(request: Request): Promise<unknown> {
  if (request.bodyUsed) {
    throw new ServerError(
      'BODY_UNUSABLE',
      'The body of the request has already been read. Hand it in as { body }.',
    )
  }
  checkBodyHeaders({
    contentEncoding: request.headers.get('content-encoding') ?? undefined,
    contentType: request.headers.get('content-type') ?? undefined,
  })
  const body = new JsonBody(request.headers.get('content-length'))
  // Leaving the loop early cancels the body, so that a sender of more is not listened to.
  for await (const chunk of request.body ?? []) body.add(chunk)
  return body.parse()
}
