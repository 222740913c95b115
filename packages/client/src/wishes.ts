// The wishes of a caller for its streams besides topics: checked once, and sent with each request.

import { optionError } from './option-error.ts'

/** The part of the events to get, and the name of the stream. */
export interface WishOptions {
  /** Only events of these types; `message` for those without one. Default: all. */
  readonly types?: readonly string[] | undefined
  /** Only events of these keys. Default: all. */
  readonly keys?: readonly string[] | undefined
  /**
   * Only events with these tags: `{ region: 'eu' }`, or `{ region: ['eu', 'us'] }` for any of several values.
   * Default: all.
   */
  readonly where?: Readonly<Record<string, string | readonly string[]>> | undefined
  /** A name under which the hub finds the stream, to send it events. Default none. */
  readonly label?: string | undefined
  /**
   * `event`: long events come as gzip, one by one, for paths on which proxies undo or hold up a compressed
   * stream. Default: none. Without `DecompressionStream` in the runtime it is not asked for.
   */
  readonly compress?: 'event' | undefined
}

/** The same, as requests have it. */
export interface Wishes {
  /** Members of a JSON body, as JSON. */
  readonly body: string
  /** Parameters of a query. */
  readonly pairs: readonly (readonly [name: string, text: string])[]
  /** A query would take a comma or a bar within a text of a filter for the end of it. */
  readonly isForBody: boolean
}

/**
 * A copy, so that no later change of the caller's lists reaches a reconnect.
 * @throws ClientError `OPTIONS_INVALID`
 */
export function readWishes({
  types,
  keys,
  where,
  label,
  consumer,
  compress,
}: WishOptions & { readonly consumer?: string | undefined }): Wishes {
  if (compress !== undefined && compress !== 'event')
    throw optionError('compress', '"event"; leave it out for none', compress)
  if (where !== undefined && (typeof where !== 'object' || where === null))
    throw optionError('where', 'an object of tags', where)
  const tags = Object.entries(where ?? {})
  const lists = {
    types,
    keys,
    where: tags.map(([tag, values]) => `${tag}:${[values].flat().join('|')}`),
    label,
    consumer,
    // Only where the runtime can open such events.
    compress: typeof DecompressionStream === 'undefined' ? undefined : compress,
  }
  const pairs = Object.entries(lists).flatMap(([name, values]) => {
    const texts = [values ?? []].flat()
    requireTexts(name, texts)
    return texts.map((text) => [name, text] as const)
  })
  return {
    body: JSON.stringify({ ...lists, where }),
    pairs,
    isForBody: /[,|]/.test([types, keys, tags].flat(4).join('')),
  }
}

/** @throws ClientError `OPTIONS_INVALID` */
export function requireTexts(name: string, value: readonly unknown[]): void {
  if (!Array.isArray(value) || !value.every((text) => typeof text === 'string'))
    throw optionError(name, 'texts', value)
}
