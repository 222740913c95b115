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
  return events.filter(({ topic, cursor }) => {
    const position = parseCursor(cursor ?? '')?.position
    if (position === undefined || !isWanted(topic)) return false
    if (after !== undefined && comparePositions(position, after) <= 0) return false
    return upTo === undefined || comparePositions(position, upTo) <= 0
  })
}

function nameAround(events: readonly BookedEvent[], at: number): string {
  const from = Math.max(0, at - 2)
  const names = events.slice(from, at + 3).map((event, i) => {
    const name = `${nameEvent(event)} @${event.index}`
    return from + i === at ? `[${name}]` : name
  })
  return `${names.join(', ')}${at >= events.length ? ' [end]' : ''}`
}
