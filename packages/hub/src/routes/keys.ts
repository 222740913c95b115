// `DELETE /topics/{topic}/keys/{key}`: ends the value of a key.

import { quote } from '@tidemark/wire/values'
import { HubError } from '../errors.ts'
import { decodeTopicPath } from '../topic-path.ts'
import { readReaders } from './event-query.ts'
import { readOptions } from './publish.ts'
import { sendJson } from './route.ts'
import type { Route } from './route.ts'

/** Answers as a publish does. */
export const deleteKey: Route = async ({ request, response, parts, query }, { tide }) => {
  const readers = readReaders(query)
  const topic = decodeTopicPath(parts['topic'])
  const key = decodeKey(parts['key'])
  sendJson(response, 200, await tide.deleteKey(topic, key, { ...readOptions(request), ...readers }))
}

/** A key is one segment and may have slashes, so it is decoded once and whole. */
function decodeKey(encoded: string = ''): string {
  try {
    return decodeURIComponent(encoded)
  } catch (error) {
    throw new HubError(
      'PATH_INVALID',
      `A key in a path is UTF-8, percent-encoded, slashes too; got ${quote(encoded)}.`,
      { cause: error },
    )
  }
}
