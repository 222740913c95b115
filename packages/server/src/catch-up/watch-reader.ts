// Whether what was read for a session is still for the reader that it is.

import type { Session } from '../session/session.ts'

/**
 * Tells whether a session still is the reader that it was. One with other topics, another replay, another
 * filter or another grant reads anew.
 */
export function watchReader(session: Session): () => boolean {
  const { audience, owner, added } = session
  return () => session.audience === audience && session.owner === owner && session.added === added
}
