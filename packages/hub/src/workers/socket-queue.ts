// Sockets that wait in the order of their arrival.

import type { Socket } from 'node:net'

/** Empty places that are kept before the array is shortened. */
const emptyPlacesMax = 1_024

/**
 * First in, first out. A `Set` is slower: after thousands of removals, each iteration skips their
 * places.
 */
export class SocketQueue {
  readonly #sockets: (Socket | undefined)[] = []
  #first = 0

  get size(): number {
    return this.#sockets.length - this.#first
  }

  add(socket: Socket): void {
    this.#sockets.push(socket)
  }

  /** Puts a socket back that was taken in vain. It is taken next. */
  addFirst(socket: Socket): void {
    if (this.#first === 0) {
      this.#sockets.unshift(socket)
      return
    }
    this.#first -= 1
    this.#sockets[this.#first] = socket
  }

  /** Takes the socket that has waited longest; undefined when none waits. */
  take(): Socket | undefined {
    const socket = this.#sockets[this.#first]
    if (socket === undefined) return undefined
    this.#sockets[this.#first] = undefined
    this.#first += 1
    if (this.#first === this.#sockets.length || this.#first > emptyPlacesMax) {
      this.#sockets.splice(0, this.#first)
      this.#first = 0
    }
    return socket
  }
}
