// One page of the events that wait, by when they are due.

import { quoteValue } from '@tidemark/wire/values'
import { ServerError } from '../errors.ts'
import { readMembers } from '../read-members.ts'
import { scheduledListedDefault, scheduledListedMax } from './limits.ts'
import { describeEntry } from './scheduled-event.ts'
import type { Entry, ListedEvent, ScheduledPage, ScheduledQuery } from './scheduled-event.ts'

/** A page that is asked for, checked. */
export interface PageQuery extends Pick<ScheduledQuery, 'by'> {
  /** The event before the page. */
  readonly after: Place | undefined
  readonly limit: number
}

/** An event among those that wait. */
interface Place {
  readonly at: number
  readonly id: string
}

/** @throws ServerError `OPTION_INVALID`, `QUERY_INVALID` */
export function readPageQuery(given: ScheduledQuery): PageQuery {
  const what = { code: 'OPTION_INVALID', what: 'The query of scheduled events' } as const
  const members = readMembers(given, ['after', 'limit', 'by'], what)
  const { after, limit = scheduledListedDefault, by } = members
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > scheduledListedMax) {
    throw new ServerError(
      'QUERY_INVALID',
      `limit must be 1 to ${scheduledListedMax}; got ${quoteValue(limit)}.`,
    )
  }
  return { after: after === undefined ? undefined : readPlace(after), limit, by }
}

/** Looks at each entry once, and holds no more of them than the page has. */
export function listEntries(
  entries: Iterable<readonly [id: string, entry: Entry]>,
  { after, limit }: PageQuery,
): ScheduledPage {
  const found: { readonly id: string; readonly entry: Entry }[] = []
  const isBefore = (a: Place, b: Place): boolean => (a.at === b.at ? a.id < b.id : a.at < b.at)
  const placeOf = ({ id, entry }: (typeof found)[number]): Place => ({ id, at: entry.at })
  for (const [id, entry] of entries) {
    const place = { id, at: entry.at }
    if (after !== undefined && !isBefore(after, place)) continue
    const last = found.at(-1)
    if (found.length > limit && last !== undefined && !isBefore(place, placeOf(last))) continue
    const index = found.findLastIndex((other) => isBefore(placeOf(other), place))
    found.splice(index + 1, 0, { id, entry })
    if (found.length > limit + 1) found.pop()
  }
  const page = found.slice(0, limit)
  const last = page.at(-1)
  const next =
    found.length > limit && last !== undefined ? `${last.entry.at}-${last.id}` : undefined
  const scheduled = page.map(({ id, entry }) => describeListed(id, entry))
  return next === undefined ? { scheduled } : { scheduled, next }
}

function describeListed(id: string, entry: Entry): ListedEvent {
  const { data: _data, ...listed } = describeEntry(id, entry)
  return listed
}

function readPlace(text: string): Place {
  const [, at, id] = (typeof text === 'string' ? /^(\d{1,16})-(.{1,128})$/.exec(text) : null) ?? []
  if (at !== undefined && id !== undefined) return { at: Number(at), id }
  throw new ServerError(
    'QUERY_INVALID',
    `after must be the "next" of a page before; got ${quoteValue(text)}.`,
  )
}
