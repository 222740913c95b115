// Sockets that wait in the order of their arrival.

import type { Socket } from 'node:net'

/** Between two times at which the places of those that have left are given back. */
const emptyPlacesMax = 1_024

/** First in, first out. A `Set` from which thousands were taken skips all their places each time it is looked through. */
export class SocketQueue {
  readonly #sockets: (Socket | undefined)[] = []
  #first = 0

  get size(): number {
    return this.#sockets.length - this.#first
  }

  add(socket: Socket): void {
    this.#sockets.push(socket)
  }

  /** For one that was taken in vain: it is the next to be taken. */
  addFirst(socket: Socket): void {
    if (this.#first === 0) {
      this.#sockets.unshift(socket)
      return
    }
    this.#first -= 1
    this.#sockets[this.#first] = socket
  }

  /** The one that waits longest leaves; undefined when nobody waits. */
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
