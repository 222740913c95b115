// Helpers that several tests of this room share: running a decoder over chunks, cutting.

import { createDecoder } from '../src/index.ts'
import type { DecodedEvent, DecoderOptions } from '../src/index.ts'

export interface Decoded {
  readonly events: readonly DecodedEvent[]
  readonly retries: readonly number[]
  readonly comments: readonly string[]
  readonly ids: readonly string[]
  readonly lastEventId: string
}

export function decodeAll(
  chunks: readonly (Uint8Array | string)[],
  options?: DecoderOptions,
): Decoded {
  const events: DecodedEvent[] = []
  const retries: number[] = []
  const comments: string[] = []
  const ids: string[] = []
  const decoder = createDecoder(
    {
      // `fields` is a getter, which `toEqual` does not look at.
      event: (event) => void events.push({ ...event, fields: event.fields }),
      retry: (ms) => void retries.push(ms),
      comment: (text) => void comments.push(text),
      id: (id) => void ids.push(id),
    },
    options,
  )
  for (const chunk of chunks) decoder.push(chunk)
  decoder.end()
  return { events, retries, comments, ids, lastEventId: decoder.lastEventId }
}

/**
 * Cuts at the given places, each taken as a share of the length from 0 to 1; equal places give
 * empty chunks.
 */
export function cutAt<T extends string | Uint8Array>(whole: T, shares: readonly number[]): T[] {
  const places = shares.map((share) => Math.floor(share * whole.length)).sort((a, b) => a - b)
  return [0, ...places].map((place, i) => whole.slice(place, places[i] ?? whole.length) as T)
}

export const utf8 = new TextEncoder()
