// The reasons why the server ends a stream. Apart from the events that say them, because rows of error codes
// name them too.

/**
 * Why the server ends a stream. `stalled`: the client read nothing for `stalledAfterMs`, or it was too slow
 * with a large event while others needed the memory. In the second case its connection is cut at once, and it
 * seldom reads this. `lagging`: it fell behind with a topic whose rule says to disconnect.
 * `access-unavailable`: nobody could say whether the client may have the stream. `expired`: what `authorize`
 * granted has ended. `revoked`: it was taken back. `forbidden`: what is granted now holds none of the
 * stream's topics, or `authorize` refuses the client by now. `replaced`: another stream of the same client or
 * user has taken its place. `ended`: the application ended the stream, and named no reason of its own.
 */
export type ByeReason =
  | 'full'
  | 'draining'
  | 'log-unavailable'
  | 'access-unavailable'
  | 'stalled'
  | 'lagging'
  | 'expired'
  | 'revoked'
  | 'replaced'
  | 'forbidden'
  | 'ended'
