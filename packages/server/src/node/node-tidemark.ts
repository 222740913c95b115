// A node behind Node's own HTTP servers. Apart from the engine, which must load where there is no `node:` module.

import { Tidemark } from '../tidemark.ts'
import type { NodeRequest, NodeResponse } from './exchange.ts'
import { subscribe } from './subscribe.ts'
import type { SubscribeOptions } from './subscribe.ts'

/** The engine of one node, with a door for Node's HTTP servers. Made by {@link createTidemark}. */
export class NodeTidemark extends Tidemark {
  /**
   * Answers a request of `node:http`, `node:https` or `node:http2` with a stream: reads the topics from its URL, or from the
   * JSON body of a POST, and the cursor from `Last-Event-ID`. Whoever ends or destroys the response ends the stream. Refusals are answered as problem+json, or so that a plain EventSource comes back; it never
   * rejects. It may be handed over without its node: `createServer(tide.subscribe)`.
   */
  readonly subscribe: (
    request: NodeRequest,
    response: NodeResponse,
    options?: SubscribeOptions,
  ) => Promise<void> = (request, response, options = {}) =>
    subscribe(this, { request, response }, options)
}
