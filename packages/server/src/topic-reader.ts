// Reading topics beside their streams: the history, and where it ends.

import { readHeadCursor } from './head-cursor.ts'
import type { CursorOptions } from './head-cursor.ts'
import { readHistory } from './history.ts'
import type { History, HistoryQuery, UseHistory } from './history.ts'
import { NodeFacts } from './node-facts.ts'
import type { NodeSettings } from './node-settings.ts'

/** Reads topics of one node's log. */
export class TopicReader extends NodeFacts {
  readonly #settings: NodeSettings

  constructor(settings: NodeSettings) {
    super(settings)
    this.#settings = settings
  }

  /**
   * Reads what a topic holds, a page at a time, oldest first.
   * @throws ServerError `TOPIC_INVALID`, `QUERY_INVALID`, `UNAUTHENTICATED`, `TOPIC_FORBIDDEN`,
   * `LOG_UNAVAILABLE`, `OPTION_INVALID`
   *
   * @example
   * ```ts
   * let page = await tide.history({ topic: 'orders/42' })
   * while (page.records.length > 0 || page.hasMore === true)
   *   page = await tide.history({ topic: 'orders/42', after: page.next })
   * ```
   */
  history(query: HistoryQuery): Promise<History>
  /** The same for a caller that reads when its turn has come; resolves to what `use` makes of the page. */
  history<Result>(query: HistoryQuery, use: UseHistory<Result>): Promise<Result>
  async history(
    query: HistoryQuery,
    use: UseHistory<unknown> = (read) => read(),
  ): Promise<unknown> {
    try {
      return await readHistory(this.#settings, query, use)
    } catch (error) {
      this.#settings.watch.refused('read', error)
      throw error
    }
  }

  /**
   * The cursor of the newest event. Ask for it before you read your own database. A stream that begins with
   * it as `since` then has every event that the rows may lack.
   * @param topics a topic, or topics and patterns, which `by` must be allowed to read
   * @throws ServerError `TOPIC_INVALID`, `TOPIC_SET_INVALID`, `UNAUTHENTICATED`, `TOPIC_FORBIDDEN`,
   * `LOG_UNAVAILABLE`, `OPTION_INVALID`
   *
   * @example
   * ```ts
   * const cursor = await tide.cursor('orders/42') // then the rows, then `?since=${cursor}`
   * ```
   */
  async cursor(topics: string | readonly string[], options: CursorOptions = {}): Promise<string> {
    try {
      return await readHeadCursor(this.#settings, topics, options)
    } catch (error) {
      this.#settings.watch.refused('read', error)
      throw error
    }
  }
}
