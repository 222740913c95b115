// A node behind Node's own HTTP servers. Apart from the engine, which must load where there is no `node:`
// module.

import type { SessionHandle } from '../session/session-handle.ts'
import { Tidemark } from '../tidemark.ts'
import type { NodeRequest, NodeResponse } from './exchange.ts'
import { requireExchange } from './require-exchange.ts'
import { subscribe } from './subscribe.ts'
import type { SubscribeOptions } from './subscribe.ts'

/** The engine of one node, with a door for Node's HTTP servers. Made by {@link createTidemark}. */
export class NodeTidemark extends Tidemark {
  /**
   * Answers a request of `node:http`, `node:https` or `node:http2` with a stream of the `topics` in the
   * options. Without them the client chooses, by its URL or the JSON body of a POST, as far as `authorize`
   * lets it. The cursor is in `Last-Event-ID`. Ending or destroying the response ends the stream. Refusals
   * are answered as problem+json, or so that a plain EventSource comes back. It never rejects for anything
   * that a client sent, but it does for an error of `readBody` in the options. Resolves to the open session,
   * or to undefined where the request was refused, asked for the head only, or its client has left. It may be
   * handed over without its node: `createServer(tide.subscribe)`.
   * @throws ServerError `OPTION_INVALID` when it is given no request and response, so that there is nobody to
   * answer
   */
  readonly subscribe: (
    request: NodeRequest,
    response: NodeResponse,
    options?: SubscribeOptions,
  ) => Promise<SessionHandle | undefined> = async (request, response, given) => {
    requireExchange(request, response, 'tide.subscribe')
    return subscribe(this, { request, response }, given)
  }
}
