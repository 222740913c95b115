// One user, to send to.

import type { PublishOptions } from '../publish/publish.ts'
import type { SendEvent, SendReceipt } from './send.ts'

/** A user, whether a session of them is open or not. */
export interface UserReach {
  readonly id: string
  /**
   * Publishes an event to `users/{id}/inbox`, or to `users/{id}/{topic}` where it names a topic. It is
   * stored: a user who is away gets it later, on whichever device.
   * @throws ServerError `USER_INVALID`, and as `publish`
   */
  send(event: SendEvent, options?: PublishOptions): Promise<SendReceipt>
}
