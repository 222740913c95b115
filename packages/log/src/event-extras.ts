// The parts of an event that only few events have. Where an event has none, it is stored, weighed
// and recognised as if there were no such parts.

import { LogError } from './errors.ts'
import type { EventRecord, EventTags, NewEvent } from './event-log.ts'
import {
  eventPermissionLengthMax,
  eventTagsMax,
  eventTtlMsMax,
  tagNameLengthMax,
  tagValueLengthMax,
} from './limits.ts'
import { quote, quoteValue } from './quote.ts'

/** The parts of a record that only few records have. A part that is not there has no member. */
export interface RecordExtras {
  readonly tags?: EventTags
  readonly permission?: string
  readonly expiresAt?: number
}

/** The names of an event's rare parts. */
export const extraNames = ['tags', 'permission', 'ttlMs'] as const

type Extras = Pick<NewEvent, (typeof extraNames)[number]>

/** The extras of a checked event as its record has them, if it enters the log at `time`. */
export function toRecordExtras({ tags, permission, ttlMs }: Extras, time: number): RecordExtras {
  if (tags === undefined && permission === undefined && ttlMs === undefined) return noExtras
  return {
    // A copy: the publisher's map may change.
    ...(hasTags(tags) ? { tags: Object.freeze({ ...tags }) } : {}),
    ...(permission === undefined ? {} : { permission }),
    ...(ttlMs === undefined ? {} : { expiresAt: time + ttlMs }),
  }
}

const noExtras: RecordExtras = {}

/** Whether there is a tag: an empty map says no more than none. */
export function hasTags(tags: EventTags | undefined): tags is EventTags {
  if (tags === undefined) return false
  for (const _ in tags) return true
  return false
}

/** Characters of a record's data and tags, by which pages and buffers are bounded. */
export function countCharacters({ data, tags }: Pick<EventRecord, 'data' | 'tags'>): number {
  if (tags === undefined) return data.length
  return Object.entries(tags).reduce(
    (sum, [name, value]) => sum + name.length + value.length,
    data.length,
  )
}

/** The tags in one order, whatever the order they were given in. */
export function sortTags(tags: EventTags): readonly (readonly [string, string])[] {
  return Object.entries(tags).toSorted(([one], [other]) => (one < other ? -1 : 1))
}

/** Checks the tags of an event; the fault as the end of a sentence, undefined when there is none. */
export function describeTagsFault(tags: unknown): string | undefined {
  const entries = readTags(tags)
  if (entries === undefined)
    return `its tags must be an object of texts, such as {"region":"eu"}; got ${quoteValue(tags)}.`
  if (entries.length > eventTagsMax)
    return `it may have ${eventTagsMax} tags at most; got ${entries.length}.`
  for (const [name, value] of entries) {
    if (
      name.length < 1 ||
      name.length > tagNameLengthMax ||
      !isPlainText(name) ||
      name.includes(':')
    )
      return `the name of a tag has 1 to ${tagNameLengthMax} characters, no colon and no control characters; got ${quote(name)}.`
    if (typeof value !== 'string')
      return `its tag ${quote(name)} must be text; got ${quoteValue(value)}.`
    if (value.length > tagValueLengthMax || !isPlainText(value))
      return `a tag has ${tagValueLengthMax} characters at most and no control characters; ${quote(name)} has ${quote(value)}.`
  }
  return undefined
}

/** A map as JSON makes one. Other objects could change, or hide members. */
function readTags(tags: unknown): readonly [string, unknown][] | undefined {
  if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) return undefined
  try {
    return Object.entries(tags)
  } catch {
    return undefined
  }
}

/** Checks the permission of an event, as {@link describeTagsFault}. */
export function describePermissionFault(permission: unknown): string | undefined {
  const isName =
    typeof permission === 'string' &&
    permission !== '' &&
    permission.length <= eventPermissionLengthMax &&
    isPlainText(permission)
  if (isName) return undefined
  return `its permission has 1 to ${eventPermissionLengthMax} characters and no control characters; got ${quoteValue(permission)}.`
}

/** Checks how long an event is worth something, as {@link describeTagsFault}. */
export function describeTtlFault(ttlMs: unknown): string | undefined {
  const isTtl =
    typeof ttlMs === 'number' && Number.isInteger(ttlMs) && ttlMs >= 1 && ttlMs <= eventTtlMsMax
  if (isTtl) return undefined
  return `its ttlMs must be a whole number of milliseconds from 1 to ${eventTtlMsMax}; got ${quoteValue(ttlMs)}.`
}

/** The fault of an event's extras, as {@link describeTagsFault}. */
export function describeExtrasFault({ tags, permission, ttlMs }: Extras): string | undefined {
  return (
    (tags === undefined ? undefined : describeTagsFault(tags)) ??
    (permission === undefined ? undefined : describePermissionFault(permission)) ??
    (ttlMs === undefined ? undefined : describeTtlFault(ttlMs))
  )
}

/** The extras of a record as one text, for a driver that stores texts; undefined without any. */
export function encodeTagsAndPermission({ tags, permission }: RecordExtras): string {
  return tags === undefined && permission === undefined ? '' : JSON.stringify({ tags, permission })
}

/**
 * Reads what {@link encodeTagsAndPermission} wrote.
 * @throws LogError `LOG_DAMAGED` for anything else
 */
export function decodeTagsAndPermission(text: string): RecordExtras {
  if (text === '') return noExtras
  try {
    const { tags, permission } = JSON.parse(text) as RecordExtras
    return {
      ...(tags === undefined ? {} : { tags }),
      ...(permission === undefined ? {} : { permission }),
    }
  } catch (cause) {
    throw new LogError('LOG_DAMAGED', 'The tags of a record are not as they were written.', {
      cause,
    })
  }
}

function isPlainText(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- finding control characters is the point
  return !/[\u0000-\u001f\u007f-\u009f]/.test(text) && text.isWellFormed()
}
