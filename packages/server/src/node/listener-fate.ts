// What code that listens to requests and responses says to the door that may take a connection for a stream.

type Listener = (...values: never[]) => void

/**
 * What becomes of a listener on a request or response when a stream takes its connection and lets the two go.
 * `told`: hears `close` at that moment, and never again.
 * `left`: stays where it is, and hears nothing once nobody holds the request or the response any more.
 */
export type ListenerFate = 'told' | 'left'

const fateKey = Symbol('fate')

interface Declared {
  [fateKey]?: ListenerFate
}

/**
 * Says that a listener on a request or response is ready for the connection being taken. A listener that has
 * not said so keeps the connection with its response, at about twice the memory. Listeners on sockets need
 * say nothing: the socket stays the same.
 */
export function declareFate<T extends Listener>(listener: T, fate: ListenerFate): T {
  // On the listener itself: the table of a WeakMap grows with the listeners of all connections that came and
  // went between two full garbage collections, 0.5 MB at 7,000 a second, and never becomes smaller.
  const declared = listener as T & Declared
  declared[fateKey] = fate
  return listener
}

/** What a listener has declared. */
export function fateOf(listener: unknown): ListenerFate | undefined {
  return typeof listener === 'function' ? (listener as Declared)[fateKey] : undefined
}
