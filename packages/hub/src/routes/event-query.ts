// The parts of an event that stand in the query of its request, beside the body that is its data.

import { ServerError } from '@tidemark/server'
import type { PublishInput } from '@tidemark/server'
import { quote } from '@tidemark/wire/values'
import { readQuery } from './query.ts'

type Parts = Pick<PublishInput, 'key' | 'permission' | 'tags' | 'type'>

const names = ['type', 'key', 'permission'] as const

/**
 * Reads `type`, `key`, `permission` and `tag=region:eu`, which may be repeated for other tags, and the
 * parameters `others`.
 * @throws ServerError `QUERY_INVALID`, `EVENT_TAGS_INVALID`
 */
export function readEventQuery<Other extends string = never>(
  query: URLSearchParams,
  others: readonly Other[] = [],
): Parts & Readonly<Partial<Record<Other, string>>> {
  const single = new URLSearchParams([...query].filter(([name]) => name !== 'tag'))
  return { ...readQuery(single, [...names, ...others]), tags: readTags(query.getAll('tag')) }
}

function readTags(texts: readonly string[]): Parts['tags'] {
  if (texts.length === 0) return undefined
  const tags = new Map<string, string>()
  for (const text of texts) {
    const end = text.indexOf(':')
    const name = text.slice(0, end)
    if (end < 1 || tags.has(name)) {
      const fault = end < 1 ? 'is a name, a colon and a value' : 'may be given once for each name'
      throw new ServerError(
        'EVENT_TAGS_INVALID',
        `tag ${fault}, such as tag=region:eu; got ${quote(text)}.`,
      )
    }
    tags.set(name, text.slice(end + 1))
  }
  return Object.fromEntries(tags)
}
