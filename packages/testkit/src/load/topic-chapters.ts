// The topics of a stream over time, as the stream itself tells of them: a chapter begins with each
// `tidemark.topics`.

import { parseCursor } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import type { DecodedEvent } from '@tidemark/wire'
import type { StreamChange } from '../traffic/send-change.ts'

/** A stretch of a stream in which its topics are the same. */
export interface Chapter {
  readonly topics: readonly string[]
  /** It holds the events behind this place. Undefined: where the stream has begun. */
  readonly at: Position | undefined
  /** Added topics that come first, from an older place up to `at`. */
  readonly replay?: ChapterReplay | undefined
}

interface ChapterReplay {
  readonly topics: readonly string[]
  readonly from: Position
  /** The topics before: their events have come already. */
  readonly covered: readonly string[]
}

interface Told {
  readonly added: readonly string[]
  readonly removed: readonly string[]
}

export class TopicChapters {
  readonly #chapters: Chapter[]
  /** Asked for, and not told yet. One at a time, so that what is told is known to be of it. */
  #asked: StreamChange | undefined
  /** Of what was asked for: whether the answer says that it is made. */
  #isMade = false

  constructor(topics: readonly string[]) {
    this.#chapters = [{ topics, at: undefined }]
  }

  get list(): readonly Chapter[] {
    return this.#chapters
  }

  get topics(): readonly string[] {
    return this.#chapters.at(-1)?.topics ?? []
  }

  /** Changes that were told. */
  get count(): number {
    return this.#chapters.length - 1
  }

  get isWaiting(): boolean {
    return this.#asked !== undefined
  }

  /** Whether the stream has not told yet of a change that is made. */
  get isOwed(): boolean {
    return this.isWaiting && this.#isMade
  }

  ask(change: StreamChange): void {
    this.#asked = change
    this.#isMade = false
  }

  /** The answer says that a change is made. The stream may have told of it already, or have ended. */
  note(change: StreamChange): void {
    if (this.#asked === change) this.#isMade = true
  }

  /** The change that was asked for is not made: it was refused, or its stream has ended. */
  forget(): void {
    this.#asked = undefined
  }

  /** Takes a `tidemark.topics`; returns what is wrong with it. */
  tell({ data, id }: DecodedEvent): string | undefined {
    const asked = this.#asked
    this.#asked = undefined
    const { added, removed } = JSON.parse(data) as Told
    const at = parseCursor(id)?.position
    if (asked === undefined || at === undefined) return `was told of ${data} at ${id}, unasked`
    const { topics } = this
    const wanted = { added: asked.add, removed: asked.remove }
    if (!isSame(added, wanted.added) || !isSame(removed, wanted.removed))
      return `was told of ${data}; asked for ${JSON.stringify(wanted)}`
    const from = parseCursor(asked.from ?? '')?.position
    const replay = from === undefined ? undefined : { topics: added, from, covered: topics }
    const left = topics.filter((name) => !removed.includes(name))
    this.#chapters.push({ topics: [...left, ...added], at, replay })
    return undefined
  }
}

/** The cursor of the event that an id stands for: of a replay of added topics that of the replay. */
export function cursorOfEvent(id: string): string {
  const replayed = parseCursor(id)?.parts.get('c')?.split('_', 1)[0]
  return replayed ?? id.split('~', 1)[0] ?? id
}

/** Whether an id stands in a replay of added topics. */
export function isInReplay(id: string): boolean {
  return parseCursor(id)?.parts.has('c') === true
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.toSorted().join('\n') === b.toSorted().join('\n')
}
