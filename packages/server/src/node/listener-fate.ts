// What code that listens to connections and responses says to the door that may take a connection for a stream.

type Listener = (...values: never[]) => void

/**
 * `told`: hears `close` as soon as the stream has begun and its connection is taken from Node's HTTP server.
 * `moved`: of a socket; goes along and hears `close` when the connection closes. `this` is another socket then.
 */
export type ListenerFate = 'told' | 'moved'

const fateKey = Symbol('fate')

interface Declared {
  [fateKey]?: ListenerFate
}

/** Says that a `close` listener is ready for a connection being taken. A listener that has not said so keeps it where it is. */
export function declareFate<T extends Listener>(listener: T, fate: ListenerFate): T {
  // On the listener itself: the table of a WeakMap grows with the listeners of all connections that came and went
  // between two full garbage collections, 0.5 MB at 7,000 a second, and never becomes smaller.
  const declared = listener as T & Declared
  declared[fateKey] = fate
  return listener
}

/** What a listener has declared. */
export function fateOf(listener: unknown): ListenerFate | undefined {
  return typeof listener === 'function' ? (listener as Declared)[fateKey] : undefined
}
