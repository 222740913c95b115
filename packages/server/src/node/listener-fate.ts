// Declarations for the door that may take a connection for a stream, by code that listens to its request or
// response.

type Listener = (...values: never[]) => void

/**
 * The fate of a listener on a request or response when a stream takes its connection and lets the two go.
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
  // On the listener itself. The table of a WeakMap would grow with the listeners of all connections that came
  // and went between two full garbage collections. That is 0.5 MB at 7,000 a second, and the table never
  // becomes smaller.
  const declared = listener as T & Declared
  declared[fateKey] = fate
  return listener
}

/** The fate that a listener has declared. */
export function fateOf(listener: unknown): ListenerFate | undefined {
  return typeof listener === 'function' ? (listener as Declared)[fateKey] : undefined
}
