// One request, from guard to route; every error leaves as a problem.

import type { Readable } from 'node:stream'
import type { IpAddress } from '@tidemark/access/hub'
import type { Clock } from '@tidemark/log'
import {
  CodedError,
  answerCoded,
  answerError,
  credentialNames,
  parseQueryText,
  translateLogError,
  carrierOf,
  isHttp2,
  isStreaming,
  refusalOf,
  sendAnswer,
} from '@tidemark/server/hub'
import { describeRequest } from '@tidemark/server/node'
import type { NodeRequest, NodeResponse } from '@tidemark/server/node'
import { probePaths } from './clients.ts'
import { HubError } from './errors.ts'
import { answerPreflight, isPreflight } from './cors.ts'
import { checkHead, checkHost, checkOrigin, findAsker } from './guard.ts'
import type { PageRules } from './guard.ts'
import { discardMs } from './limits.ts'
import type { RouteContext } from './routes/route.ts'
import type { Strangers } from './strangers.ts'
import type { StrictTransport } from './tls/strict-transport.ts'
import { nameIssuer } from './told-refusal.ts'
import { readTarget } from './request-target.ts'
import type { RequestTarget } from './request-target.ts'
import { routeTable } from './routes/table.ts'

/** The parts of the hub that answering needs. */
export interface AnswerContext extends RouteContext {
  readonly pages: PageRules
  /** Undefined where no browser shall be told to ask by https only. */
  readonly strictTransport?: StrictTransport | undefined
  /** Undefined where nobody asks who is there. */
  readonly strangers?: Strangers | undefined
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
  // Where one of two heads was meant for another server, what follows may be as well: it is neither
  // done nor answered.
  if (malformed.has(carrier)) return
  const { clients } = context
  const address = clients.find(request)
  if (isDenied(response, address, context)) return
  if (!isHttp2(response) && asksToUpgrade(request)) response.setHeader('Connection', 'close')
  let fault: unknown
  context.strictTransport?.mark(request, response)
  try {
    checkHead(request)
    const target = readTarget(request)
    clients.checkRules(request, address, target.path)
    const { pages } = context
    checkHost(target, pages.hosts)
    const asker = findAsker(request, target, pages)
    pages.origins.mark(response, asker.kind === 'allowed' ? asker.origin : undefined)
    if (asker.kind === 'allowed' && isPreflight(request)) {
      answerPreflight(response)
      return
    }
    const row = routeTable.find(request.method ?? 'GET', target.path)
    checkOrigin(request, target, { asker, row, cookie: pages.cookie })
    const { route, parts, permission } = row
    if (!probePaths.has(target.path)) await context.strangers?.turnOf(request, address)
    // Meanwhile the client may have left, or a request before this one on its connection opened a stream.
    if (isStreaming(carrier)) carrier.destroy()
    if (carrier.destroyed) return
    if (permission !== undefined) {
      await context.tide.requirePermission(describeRequest(request), permission)
    }
    await route({ request, response, address, parts, query: readQuery(target) }, context)
  } catch (error) {
    fault = error
    if (isMalformed(error)) malformed.add(carrier)
    if (!request.complete && !isAwaited(error)) await discardBody(request, context.clock)
    sendError({ request, response }, error, context)
  }
  clients.noteAnswer(request, {
    address,
    status: response.statusCode,
    fault: fault ?? refusalOf(response),
  })
}

/**
 * Refuses an address before anything else of its request is looked at. Its body is not read, and its
 * connection ends with the answer, so that a flood of such requests costs little.
 */
function isDenied(
  response: NodeResponse,
  address: IpAddress | undefined,
  { clients }: AnswerContext,
): boolean {
  try {
    clients.check(address)
    return false
  } catch (error) {
    if (!(error instanceof CodedError)) throw error
    if (!isHttp2(response)) response.setHeader('Connection', 'close')
    sendAnswer(response, answerCoded(error))
    return true
  }
}

/** The parameters that are the route's. Credentials are for `authorize`, which reads them by itself. */
function readQuery({ query }: RequestTarget): URLSearchParams {
  const parameters = parseQueryText(query)
  for (const name of credentialNames) parameters.delete(name)
  return parameters
}

function isMalformed(error: unknown): boolean {
  return error instanceof HubError && error.code === 'REQUEST_MALFORMED'
}

/**
 * A client that expects something sends its body only after the hub has said that it will meet the
 * expectation.
 */
function isAwaited(error: unknown): boolean {
  return error instanceof HubError && error.code === 'EXPECTATION_FAILED'
}

/**
 * Whether a request would go on in another protocol. The hub ignores that (RFC 9110 §7.8), but Node's
 * parser drops what has come in the same packet behind it. So the connection ends with the answer. Else
 * somebody would wait for the next one for ever.
 */
function asksToUpgrade({ headers }: NodeRequest): boolean {
  return (
    headers.upgrade !== undefined && /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(headers.connection ?? '')
  )
}

function sendError(
  { request, response }: { readonly request: NodeRequest; readonly response: NodeResponse },
  thrown: unknown,
  { resource, tide, onError }: AnswerContext,
): void {
  const error = translateLogError(thrown)
  if (isMalformed(error) && !isHttp2(response)) response.setHeader('Connection', 'close')
  if (!(error instanceof CodedError)) onError(error)
  const { ':authority': authority, host } = request.headers
  const asked = typeof authority === 'string' ? authority : host
  const told = error instanceof CodedError ? nameIssuer(error, asked, resource) : error
  sendAnswer(response, answerError({ error: told, retryMs: tide.pickRetryMs() }))
}

/**
 * Reads what a client is still sending, for a while, and throws it away. Answering and closing with
 * unread bytes makes the kernel reset the connection, and the client never sees the answer.
 */
export function discardBody(request: Readable, clock: Clock): Promise<void> {
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
