// Checks of the objects that an application hands in as a request of Node's and its response.

import { ServerError } from '../errors.ts'
import { hasMethods } from '@tidemark/log/values'
import type { NodeRequest, NodeResponse } from './exchange.ts'

/**
 * Without a response there is nobody to answer.
 * @throws ServerError `OPTION_INVALID`
 */
export function requireExchange(
  request: NodeRequest,
  response: NodeResponse,
  door: 'openStream' | 'tide.subscribe',
): void {
  const isExchange =
    hasMethods(request, ['on', 'resume']) &&
    hasMethods(response, ['writeHead', 'write', 'end', 'on'])
  if (isExchange) return
  throw new ServerError(
    'OPTION_INVALID',
    `${door} takes the request and the response of node:http, node:https or node:http2: request.raw and reply.raw of Fastify, ctx.req and ctx.res of Koa.`,
  )
}
