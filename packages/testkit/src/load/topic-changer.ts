// The habit of a subscriber that changes the topics of its open stream at random.

import type { DecodedEvent } from '@tidemark/wire'
import type { SeededRandom } from '../seeded-random.ts'
import { sendChange } from '../traffic/send-change.ts'
import type { StreamChange } from '../traffic/send-change.ts'
import { changeEventsMax, namesOfChangerMax, placesKeptMax } from './limits.ts'
import { changeableNames } from './plan.ts'
import { TopicChapters, cursorOfEvent, isInReplay } from './topic-chapters.ts'

interface ChangerHost {
  /** Without a slash at its end. */
  readonly url: string
  readonly topics: readonly string[]
  readonly random: SeededRandom
}

export class TopicChanger {
  readonly chapters: TopicChapters
  /** Answers that no change may get, one sentence each. */
  readonly faults: string[] = []
  readonly #host: ChangerHost
  #session = ''
  #changesIn: number
  /** Of a few events before: a replay may begin there. */
  #places: string[] = []
  #isReplaying = false

  constructor(host: ChangerHost) {
    this.#host = host
    this.chapters = new TopicChapters(host.topics)
    this.#changesIn = host.random.int(changeEventsMax)
  }

  /** Whether added topics are on their way, so that its place says nothing of them. */
  get isReplaying(): boolean {
    return this.#isReplaying
  }

  /** Hears any event before it is taken. */
  hear({ type, id, data }: DecodedEvent): void {
    this.#isReplaying = isInReplay(id)
    if (type === 'tidemark.ready') {
      this.#session = (JSON.parse(data) as { readonly session: string }).session
      this.chapters.forget()
    }
    this.#places = [...this.#places, cursorOfEvent(id)].slice(-placesKeptMax)
  }

  /** Changes its topics now and then. One change at a time, and none in the replay of another. */
  change(): void {
    this.#changesIn -= 1
    if (this.#changesIn > 0 || this.chapters.isWaiting || this.#isReplaying) return
    this.#changesIn = 1 + this.#host.random.int(changeEventsMax)
    const change = this.#draw()
    if (change === undefined) return
    this.chapters.ask(change)
    void this.#send(change)
  }

  async #send(change: StreamChange): Promise<void> {
    const session = this.#session
    const status = await sendChange({ url: this.#host.url, session }, change)
    if (status === 204) this.chapters.note(change)
    else if (status === 503) this.#forget(session)
    // These leave open whether it was made. Then the stream tells, or ends.
    else if (status !== undefined && status !== 404 && status !== 504)
      this.faults.push(`was answered ${status} to ${JSON.stringify(change)}`)
  }

  #forget(session: string): void {
    if (session === this.#session) this.chapters.forget()
  }

  #draw(): StreamChange | undefined {
    const { random } = this.#host
    const { topics } = this.chapters
    const others = changeableNames.filter((name) => !topics.includes(name))
    const mayAdd = topics.length < namesOfChangerMax && others.length > 0
    const add = mayAdd && random.int(3) > 0 ? [random.pick(others)] : []
    const mayRemove = topics.length + add.length > 1 && random.int(2) === 0
    const remove = mayRemove ? [random.pick(topics)] : []
    if (add.length + remove.length === 0) return undefined
    const isReplay = add.length > 0 && this.#places.length > 0 && random.int(3) === 0
    return { add, remove, from: isReplay ? random.pick(this.#places) : undefined }
  }
}
