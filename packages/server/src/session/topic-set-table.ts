// The port of what keeps the topic sets of streams whose topics were changed while they were open.

import type { TopicSet } from '@tidemark/log'

/** Whose a changed topic set is. */
export interface SetOrigin {
  /** The key of the set that the request named: a request that names another set gets what it names. */
  readonly asked: string
  /** Where the application has chosen the topics: nobody else comes back to them. */
  readonly owner?: SetOwner | undefined
  /**
   * The user who asks for it, empty for nobody in particular: it is of the share of that user. Undefined: the
   * application, or where everybody may everything.
   */
  readonly by?: string | undefined
}

/** A session whose application has chosen its topics. */
interface SetOwner {
  readonly user: string | undefined
  /** Its id, which nobody else can guess: so nobody else can guess the key of its sets. */
  readonly session: string
}

/** A set as it was kept. */
export interface KeptSet {
  readonly topics: TopicSet
  readonly origin: { readonly asked: string; readonly owner?: Pick<SetOwner, 'user'> | undefined }
}

/** A subscription by a cursor that names other topics than its request. */
export interface ChangedTopics {
  /** The key of the set that the request named. */
  readonly asked: string
  /** Names of the kept set that are not granted any more: the stream is told, and goes on without them. */
  readonly dropped?: readonly string[] | undefined
}

/** Keeps topic sets under short keys, which cursors carry. */
export interface TopicSetTable {
  /**
   * Resolves to the key of a set: 1 to `topicSetKeyCharactersMax` characters of `0-9 A-Z a-z - _`, the same
   * for equal sets of equal origin. With `isSmaller` it needs no room: where there is none it is not kept,
   * and a cursor with its key is a gap.
   */
  keep(set: TopicSet, origin: SetOrigin, how?: { readonly isSmaller: boolean }): Promise<string>
  /** Undefined for a key that the table does not know, or not any more. */
  find(key: string): Promise<KeptSet | undefined>
  /** Streams use the sets of these keys still. */
  refresh(keys: ReadonlySet<string>): Promise<void>
  /** Lets go of what it keeps them in. */
  close(): void
}
