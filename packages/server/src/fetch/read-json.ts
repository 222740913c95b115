// The JSON body of a `Request`, bounded while it arrives.

import type { BodyBudget, HeldBody } from '../body-budget.ts'
import { ServerError } from '../errors.ts'
import { subscriptionBytesMax } from '../limits.ts'

/**
 * Reads the body of a request as JSON.
 * @throws ServerError `BODY_TOO_LARGE` and `FULL` (as soon as it is known), `BODY_NOT_JSON`, `BODY_UNUSABLE`
 */
export async function readJson(request: Request, bodies: BodyBudget): Promise<unknown> {
  if (request.bodyUsed) {
    throw new ServerError(
      'BODY_UNUSABLE',
      'The body of the request has already been read. Hand in the subscription it holds as { subscription: parseSubscriptionBody(body) }.',
    )
  }
  const held = bodies.begin()
  try {
    return parse(await readText(request, held))
  } finally {
    held.release()
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw notJson(String(error), error)
  }
}

async function readText(request: Request, held: HeldBody): Promise<string> {
  if (Number(request.headers.get('content-length') ?? 0) > subscriptionBytesMax) throw tooLarge()
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const parts: string[] = []
  let bytes = 0
  // Leaving the loop early cancels the body, so that a sender of more is not listened to.
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length
    if (bytes > subscriptionBytesMax) throw tooLarge()
    held.grow(chunk.length)
    parts.push(decodeWith(() => decoder.decode(chunk, { stream: true })))
  }
  parts.push(decodeWith(() => decoder.decode()))
  return parts.join('')
}

function decodeWith(decode: () => string): string {
  try {
    return decode()
  } catch (error) {
    throw notJson('it is not UTF-8', error)
  }
}

function notJson(fault: string, cause: unknown): ServerError {
  return new ServerError(
    'BODY_NOT_JSON',
    `The body must be a JSON object such as {"topics":["orders/42"]}: ${fault}.`,
    { cause },
  )
}

function tooLarge(): ServerError {
  return new ServerError(
    'BODY_TOO_LARGE',
    `The body of a subscription may have ${subscriptionBytesMax} bytes. Use patterns such as orders/* in place of long lists.`,
  )
}
