// Tells a repeated batch from another one that carries the same idempotency key.

import { hasTags, sortTags } from './event-extras.ts'
import type { NewEvent } from './event-log.ts'

/**
 * 53 bits over the events, as an integer. It guards against mistakes, not against forgery. The key
 * already belongs to the publisher, so 1 in 9e15 per reused key is far below the rate of mistakes.
 *
 * Drivers store the value. If the function changed, keys in flight during an upgrade would look
 * reused.
 */
export function fingerprintBatch(events: readonly NewEvent[]): number {
  const hash: Hash = { high: 0x2545f491, low: 0x9e3779b9 }
  mixNumber(hash, events.length)
  for (const event of events) {
    mixText(hash, event.topic)
    mixText(hash, event.type ?? 'message')
    mixText(hash, event.data)
    // No key and an empty key are different events.
    if (event.key === undefined) mixNumber(hash, -1)
    else mixText(hash, event.key)
    mixExtras(hash, event)
  }
  return toInteger(hash)
}

/** 106 bits over some texts, as 22 characters of `0-9` and `a-z`: a name for them, no secret. */
export function hashTexts(texts: readonly string[]): string {
  const parts = [1, 2].map((salt) => {
    const hash: Hash = { high: salt, low: texts.length }
    for (const text of texts) mixText(hash, text)
    return toInteger(hash).toString(36).padStart(11, '0')
  })
  return parts.join('')
}

function toInteger(hash: Hash): number {
  const high = finish(hash.high ^ hash.low)
  const low = finish(hash.low + Math.imul(high, 0x85ebca6b))
  return (high >>> 11) * 2 ** 32 + (low >>> 0)
}

interface Hash {
  high: number
  low: number
}

/** Nothing goes in for an event without extras: such batches were stored before there were any. */
function mixExtras(hash: Hash, { tags, permission, ttlMs }: NewEvent): void {
  if (hasTags(tags)) {
    for (const [name, value] of sortTags(tags)) {
      mixNumber(hash, -2)
      mixText(hash, name)
      mixText(hash, value)
    }
  }
  if (permission !== undefined) {
    mixNumber(hash, -3)
    mixText(hash, permission)
  }
  if (ttlMs !== undefined) {
    mixNumber(hash, -4)
    mixText(hash, String(ttlMs))
  }
}

/** The length goes in first, so that moving characters from one field to the next changes the value. */
function mixText(hash: Hash, text: string): void {
  mixNumber(hash, text.length)
  let { high, low } = hash
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    high = Math.imul((high << 7) ^ (high >>> 25) ^ code, 0x9e3779b1)
    low = Math.imul((low << 13) ^ (low >>> 19) ^ code, 0x85ebca77)
  }
  hash.high = high
  hash.low = low
}

function mixNumber(hash: Hash, value: number): void {
  hash.high = finish(Math.imul(hash.high ^ value, 0xc2b2ae3d))
  hash.low = finish(Math.imul(hash.low + value, 0x27d4eb2f))
}

/** Spreads every bit over the whole word. */
function finish(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x7feb352d)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b)
  return mixed ^ (mixed >>> 16)
}
