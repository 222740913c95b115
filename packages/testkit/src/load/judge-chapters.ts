// Whether a subscriber whose topics changed got exactly what they said at each moment. Pure, as the
// judge of streams.

import { comparePositions, parseCursor } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import { createMatcher } from '../traffic/matches-any.ts'
import { nameEvent } from './event-book.ts'
import type { BookedEvent } from './event-book.ts'
import type { StreamReception } from './judge-stream.ts'
import type { Chapter } from './topic-chapters.ts'

interface ChaptersReception extends Pick<StreamReception, 'start' | 'end' | 'received' | 'gaps'> {
  readonly chapters: readonly Chapter[]
}

/** The first fault, with the events around it; nothing more can be said behind it. */
export function judgeChapters(
  { chapters, start, end, received, gaps }: ChaptersReception,
  events: readonly BookedEvent[],
): readonly string[] {
  const due = chapters.flatMap((chapter, i) => {
    const next = chapters[i + 1]
    const upTo = next === undefined ? end : next.at
    const range = { after: chapter.at ?? start, upTo }
    const own = between(events, range, createMatcher(chapter.topics))
    return [...listReplay(chapter, events), ...own]
  })
  const at = due.findIndex((event, i) => received[i] !== event)
  const violations = gaps.map((gap) => `was told of a gap: ${JSON.stringify(gap)}`)
  if (at === -1 && received.length === due.length) return violations
  const place = at === -1 ? due.length : at
  const expected = nameAround(due, place)
  return [...violations, `got ${nameAround(received, place)}, and was due ${expected}`]
}

function listReplay(
  { at, replay }: Chapter,
  events: readonly BookedEvent[],
): readonly BookedEvent[] {
  if (replay === undefined) return []
  const isAdded = createMatcher(replay.topics)
  const isCovered = createMatcher(replay.covered)
  const range = { after: replay.from, upTo: at }
  return between(events, range, (topic) => isAdded(topic) && !isCovered(topic))
}

interface Range {
  readonly after: Position | undefined
  readonly upTo: Position | undefined
}

function between(
  events: readonly BookedEvent[],
  { after, upTo }: Range,
  isWanted: (topic: string) => boolean,
): readonly BookedEvent[] {
  const from = after === undefined ? 0 : countUpTo(events, after)
  const to = upTo === undefined ? events.length : countUpTo(events, upTo)
  return events.slice(from, to).filter(({ topic }) => isWanted(topic))
}

/** Of a log in its order. A run has thousands of chapters: each looks at its own stretch only. */
function countUpTo(events: readonly BookedEvent[], place: Position): number {
  let low = 0
  let high = events.length
  while (low < high) {
    const middle = (low + high) >> 1
    const position = parseCursor(events[middle]?.cursor ?? '')?.position
    if (position !== undefined && comparePositions(position, place) <= 0) low = middle + 1
    else high = middle
  }
  return low
}

function nameAround(events: readonly BookedEvent[], at: number): string {
  const from = Math.max(0, at - 2)
  const names = events.slice(from, at + 3).map((event, i) => {
    const name = `${nameEvent(event)} @${event.index}`
    return from + i === at ? `[${name}]` : name
  })
  return `${names.join(', ')}${at >= events.length ? ' [end]' : ''}`
}
