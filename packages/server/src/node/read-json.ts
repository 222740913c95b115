// The JSON body of a request of Node's, whether a framework has read it already or nobody has.

import type { BodyBudget, HeldBody } from '../request/body-budget.ts'
import { checkBodyHeaders } from '../request/body-headers.ts'
import { ServerError } from '../errors.ts'
import { JsonBody, notJson, parseJson } from '../request/json-body.ts'
import type { NodeRequest } from './exchange.ts'
import { declareFate } from './listener-fate.ts'

/**
 * Reads the body of a request as JSON, or takes what a framework has left of it in `request.body`, as Express
 * does.
 * @throws ServerError `BODY_TOO_LARGE` and `FULL` (as soon as it is known), `BODY_NOT_JSON`, `BODY_UNUSABLE`,
 * `CONTENT_ENCODING_UNSUPPORTED`, `CHARSET_UNSUPPORTED`
 */
export async function readJson(request: NodeRequest, bodies: BodyBudget): Promise<unknown> {
  if (!request.readableDidRead) {
    // A framework that has read the body has decoded it, too.
    checkBodyHeaders({
      contentEncoding: request.headers['content-encoding'],
      contentType: request.headers['content-type'],
    })
    // Nothing more is ever said of a body whose sender has left already.
    if (request.destroyed || request.aborted) throw notJson('it was cut off')
    const held = bodies.begin()
    return collect(request, held).finally(() => held.release())
  }
  const { body } = request as { readonly body?: unknown }
  if (typeof body === 'string') return parseJson(body)
  if (body instanceof Uint8Array) {
    const whole = new JsonBody(undefined)
    whole.add(body)
    return whole.parse()
  }
  if (body !== undefined) return body
  throw new ServerError(
    'BODY_UNUSABLE',
    'The body of the request has already been read, and is not in request.body. Hand it in as { body }.',
  )
}

// By events, not `for await`: leaving that loop early destroys the connection, and with it the answer.
function collect(request: NodeRequest, held: HeldBody): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const body = new JsonBody(request.headers['content-length'], held)
    const stop = (): void => {
      request.off('data', onData).off('end', onEnd).off('aborted', onCut).off('close', onCut)
      // The rest of it, or of its connection, concerns nobody.
      request.on('error', ignoreError).off('error', reject)
    }
    const attempt = (act: () => void): void => {
      try {
        act()
      } catch (error) {
        stop()
        // Whatever else comes is thrown away by Node once the answer has left.
        reject(error)
      }
    }
    const onData = (chunk: Uint8Array): void => attempt(() => body.add(chunk))
    const onEnd = (): void =>
      attempt(() => {
        const value = body.parse()
        stop()
        resolve(value)
      })
    // A request of HTTP/2 that was reset ends like a whole one, and says before that it was aborted.
    const onCut = (): void =>
      attempt(() => {
        throw notJson('it was cut off')
      })
    request.on('data', onData).on('end', onEnd).on('aborted', onCut).on('close', onCut)
    request.on('error', reject)
  })
}

const ignoreError = declareFate(() => undefined, 'left')
