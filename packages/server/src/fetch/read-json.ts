// The JSON body of a `Request`.

import type { BodyBudget } from '../request/body-budget.ts'
import { checkBodyHeaders } from '../request/body-headers.ts'
import { ServerError } from '../errors.ts'
import { JsonBody, notJson } from '../request/json-body.ts'

/**
 * Reads the body of a request as JSON.
 * @throws ServerError `BODY_TOO_LARGE` and `FULL` (as soon as it is known), `BODY_NOT_JSON`, `BODY_UNUSABLE`,
 * `CONTENT_ENCODING_UNSUPPORTED`, `CHARSET_UNSUPPORTED`
 */
export async function readJson(request: Request, bodies: BodyBudget): Promise<unknown> {
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
  const held = bodies.begin()
  try {
    const body = new JsonBody(request.headers.get('content-length'), held)
    // Leaving the loop early cancels the body, so that a sender of more is not listened to.
    for await (const chunk of request.body ?? []) body.add(chunk)
    return body.parse()
  } catch (error) {
    // A client that leaves in the middle is no fault of the server, whatever the runtime throws.
    throw error instanceof ServerError ? error : notJson('it was cut off', error)
  } finally {
    held.release()
  }
}
