// Shows each move of a session to other topics in the moment it is made. When the change that asked for it
// resolves, the next move may be done.

import type { TopicSet } from '@tidemark/log'
import { onTestFinished } from 'vitest'
import { Session } from '../../src/session/session.ts'

/** Until the test is over. `onMove` is told before anything of the move is written. */
export function watchMoves(onMove: (sessionId: string, topics: TopicSet) => void): void {
  const moveInto = Reflect.get<Session, 'moveInto'>(Session.prototype, 'moveInto')
  Session.prototype.moveInto = function (this: Session, audience, added): void {
    if (!this.isClosed) onMove(this.id, audience.topics)
    moveInto.call(this, audience, added)
  }
  onTestFinished(() => {
    Session.prototype.moveInto = moveInto
  })
}
