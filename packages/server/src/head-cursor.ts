// Where the log stands now, for those who read something else first: rows of a database, then the stream.

import { formatCursor, parseTopicSet } from '@tidemark/log'
import { namesOf } from './session/changed-topics.ts'
import type { NodeSettings } from './node-settings.ts'
import { readList, readMembers } from './read-members.ts'
import { wrapLogError } from './refusal/log-faults.ts'
import { plainRequest } from './request/authorize.ts'
import type { RequestFacts } from './request/authorize.ts'
import { requireUnreserved } from './request/reserved-topics.ts'

/** The options of a head cursor. */
export interface CursorOptions {
  /**
   * The client that asks, as `describeRequest` says: `authorize` is asked whether it may read the topics.
   * Default: the application itself.
   */
  readonly by?: RequestFacts | undefined
}

/** Reads the head. Errors: see {@link Tidemark.cursor}. */
export async function readHeadCursor(
  { log, permit }: NodeSettings,
  topics: string | readonly string[],
  options: CursorOptions,
): Promise<string> {
  const wanted = { code: 'OPTION_INVALID', what: 'The options of a cursor' } as const
  const { by } = readMembers(options, ['by'], wanted)
  const names = namesOf(readTopics(topics))
  if (by !== undefined) {
    if (permit === undefined) requireUnreserved(names)
    else await permit.ask(plainRequest(by, 'read', names))
  }
  const { head } = await log.bounds().catch(wrapLogError)
  return formatCursor(head)
}

function readTopics(topics: string | readonly string[]): ReturnType<typeof parseTopicSet> {
  const given = typeof topics === 'string' ? [topics] : topics
  const names = readList(given, { code: 'OPTION_INVALID', what: 'The topics of a cursor' })
  try {
    return parseTopicSet(names)
  } catch (error) {
    return wrapLogError(error)
  }
}
