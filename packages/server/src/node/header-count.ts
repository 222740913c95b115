// Whether all header fields of a request are there: Node 20 drops those beyond a number without a word.

import { ServerError } from '../errors.ts'
import type { NodeRequest } from './exchange.ts'
import { isHttp2Request } from './exchange.ts'

/**
 * Headers that Node keeps where the server's `maxHeadersCount` says nothing (`_http_common.js`: 2,000 names
 * and values).
 */
const keptDefault = 1_000

/** Node's parser hands fields over in batches of so many (`node_http_parser.cc`), and drops whole batches. */
const batchFields = 32

/**
 * Refuses a request of which Node may have dropped fields: the cursor, the cookie or the origin may be among
 * them. Node 24 does so by itself, and of HTTP/2 nothing is dropped: the stream is reset.
 * @throws ServerError `HEADERS_TOO_MANY`
 */
export function checkHeaderCount(request: NodeRequest): void {
  if (isHttp2Request(request)) return
  const count = request.rawHeaders.length / 2
  const kept = readKept(request.socket)
  if (count < kept || (count === kept && kept % batchFields > 0)) return
  throw new ServerError(
    'HEADERS_TOO_MANY',
    `The server keeps ${kept} header fields of a request; got more, so some are missing. Send fewer, or raise maxHeadersCount of the HTTP server.`,
  )
}

/** Node puts the server on the sockets it has accepted, and looks there itself. */
function readKept(socket: object): number {
  const { server } = socket as { readonly server?: { readonly maxHeadersCount?: unknown } | null }
  const max = server?.maxHeadersCount
  if (typeof max !== 'number') return keptDefault
  return max <= 0 ? Infinity : max
}
