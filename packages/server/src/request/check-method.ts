// Which methods ask for a stream.

import { quote } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'

/**
 * Refuses what no stream is asked for with: where no router stands before a door, a CORS preflight must not
 * open a session.
 * @throws ServerError `METHOD_NOT_ALLOWED`
 */
export function checkMethod(method: string, door: 'tide.fetch' | 'tide.subscribe'): void {
  if (method === 'GET' || method === 'HEAD' || method === 'POST') return
  throw new ServerError(
    'METHOD_NOT_ALLOWED',
    `A stream is asked for with GET or POST; got ${quote(method)}. Answer other methods before you call ${door}.`,
  )
}
