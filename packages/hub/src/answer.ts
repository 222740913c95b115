// One request, from guard to route; every error leaves as a problem.

import type { Readable } from 'node:stream'
import { LogError } from '@tidemark/log'
import type { Clock } from '@tidemark/log'
import { ServerError, parseQueryText } from '@tidemark/server'
import { carrierOf, isHttp2, isStreaming, refuse, sendProblem } from '@tidemark/server/node'
import type { NodeRequest, NodeResponse } from '@tidemark/server/node'
import { HubError, hubErrors } from './errors.ts'
import { checkHead, checkHost, checkOrigin } from './guard.ts'
import { discardMs } from './limits.ts'
import type { RouteContext } from './routes/route.ts'
import { findRoute } from './routes/table.ts'

/** What answering needs of the hub. */
export interface AnswerContext extends RouteContext {
  /** Whether names other than loopback's are refused. */
  readonly isLoopbackOnly: boolean
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

/** Connections of HTTP/1.1 that end with the answer to a malformed head. */
const malformed = new WeakSet<object>()

/** Answers a request. Never rejects. */
export async function answer(
  request: NodeRequest,
  response: NodeResponse,
  context: AnswerContext,
): Promise<void> {
  // Bytes that follow a request whose answer is a stream belong to nobody; see docs/PROTOCOL.md.
  const carrier = carrierOf(request)
  if (isStreaming(carrier)) {
    carrier.destroy()
    return
  }
  // Where one of two heads was meant for another server, what follows may be as well: it is neither done nor answered.
  if (malformed.has(carrier)) return
  try {
    const [path, queryText] = splitTarget(request.url ?? '/')
    checkHead(request)
    if (context.isLoopbackOnly) checkHost(request)
    checkOrigin(request, path)
    const { route, rest } = findRoute(request.method ?? 'GET', path)
    await route({ request, response, rest, query: parseQueryText(queryText) }, context)
  } catch (error) {
    if (isMalformed(error)) malformed.add(carrier)
    if (!request.complete && !isAwaited(error)) await discardBody(request, context.clock)
    answerError(request, response, { error, context })
  }
}

function isMalformed(error: unknown): boolean {
  return error instanceof HubError && error.code === 'REQUEST_MALFORMED'
}

/** Whoever expects something sends the body once he is told that it is met. */
function isAwaited(error: unknown): boolean {
  return error instanceof HubError && error.code === 'EXPECTATION_FAILED'
}

function splitTarget(target: string): [path: string, query: string] {
  const at = target.indexOf('?')
  return at === -1 ? [target, ''] : [target.slice(0, at), target.slice(at + 1)]
}

function answerError(
  request: NodeRequest,
  response: NodeResponse,
  { error, context }: { readonly error: unknown; readonly context: AnswerContext },
): void {
  if (error instanceof HubError) {
    const { status, code, message: detail, allow } = error
    if (allow !== undefined) response.setHeader('Allow', allow)
    if (isMalformed(error) && !isHttp2(response)) response.setHeader('Connection', 'close')
    const retryMs = error.isPassing ? context.tide.pickRetryMs() : undefined
    sendProblem(response, { status, code, title: hubErrors[code], detail, retryMs })
    return
  }
  if (error instanceof LogError && error.code === 'TOPIC_INVALID') {
    refuse(request, response, {
      error: new ServerError('TOPIC_INVALID', error.message),
      retryMs: 0,
    })
    return
  }
  if (!(error instanceof ServerError)) context.onError(error)
  refuse(request, response, { error, retryMs: context.tide.pickRetryMs() })
}

/**
 * Reads what a client is still sending, for a while, and throws it away. Answering and closing with unread bytes makes
 * the kernel reset the connection, and the client never sees the answer.
 */
function discardBody(request: Readable, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.after(discardMs, resolve)
    request.removeAllListeners('data')
    request.on('error', () => undefined)
    request.once('close', () => {
      timer.cancel()
      resolve()
    })
    request.once('end', resolve)
    request.resume()
  })
}
