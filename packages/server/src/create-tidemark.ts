// The composition root of the library: a log and a few settings become a node. All of them have defaults.

import { compressGzip } from './node/gzip-sink.ts'
import { packText } from './node/pack-text.ts'
import { NodeTidemark } from './node/node-tidemark.ts'
import { readOptions } from './tidemark-options.ts'
import type { TidemarkOptions } from './tidemark-options.ts'

/**
 * Makes a node that serves sessions from a log.
 * @throws ServerError `OPTION_INVALID`
 *
 * @example
 * ```ts
 * import { createServer } from 'node:http'
 * import { createTidemark } from '@tidemark/server'
 *
 * const tide = createTidemark()
 * const topics = ['orders/*']
 * createServer((request, response) => tide.subscribe(request, response, { topics })).listen(8080)
 * await tide.publish('orders/42', { type: 'paid', data: { total: 12 } })
 * ```
 */
export function createTidemark(options?: TidemarkOptions): NodeTidemark {
  return new NodeTidemark(readOptions(options, { compress: compressGzip, pack: packText }))
}
