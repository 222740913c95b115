// The rest of the blocks of an encrypted connection. Node encrypts at once whatever it is given, for each
// socket, however little of it leaves. So a large block is given in slices, and what is left of it stays the
// block that all sessions share.

import type { ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { encryptedSliceBytes } from '../limits.ts'
import { canHold, dropWrites, holdWrites, releaseWrites } from './held-writes.ts'

/** The rest of what was written to a socket: never more than one large block and the goodbye behind it. */
export class BlockRest {
  readonly #socket: Socket
  readonly #response: ServerResponse
  #left: Uint8Array[] = []
  #bytes = 0

  constructor(socket: Socket, response: ServerResponse) {
    this.#socket = socket
    this.#response = response
  }

  /** Bytes that the socket has not been given. While there are any, it wants no more for now. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Takes what comes behind all that was written before, and gives the socket as much as it wants for now.
   */
  add(bytes: Uint8Array): void {
    this.#left.push(bytes)
    this.#bytes += bytes.length
    // Whatever the application writes from here on comes behind it.
    holdWrites(this.#response)
    this.offer()
  }

  /** Gives slices until the socket wants no more for now. Then its `drain` follows, or its end. */
  offer(): void {
    const socket = this.#socket
    let [first] = this.#left
    // On a connection that is being ended nothing can follow: a chunk that is cut off tells the client.
    while (first !== undefined && socket.writable && !socket.writableNeedDrain) {
      this.#giveSlice(first)
      first = this.#left[0]
    }
    if (first === undefined) releaseWrites(this.#response)
  }

  /** The connection has closed: nothing holds the block any more. */
  drop(): void {
    this.#left = []
    this.#bytes = 0
    dropWrites(this.#response, this.#socket)
  }

  #giveSlice(first: Uint8Array): void {
    const isLast = first.length <= encryptedSliceBytes
    // The last slice is a copy: a view would keep the whole block in memory when it no longer counts as held.
    const slice = isLast ? first.slice() : first.subarray(0, encryptedSliceBytes)
    if (isLast) this.#left.shift()
    else this.#left[0] = first.subarray(encryptedSliceBytes)
    this.#bytes -= slice.length
    this.#socket.write(slice)
  }
}

/**
 * Whether a socket is to be given large blocks in slices: all but Node’s plain one may copy what they are
 * given.
 */
export function needsSlices(socket: Socket, response: ServerResponse): boolean {
  return Object.getPrototypeOf(socket) !== Socket.prototype && canHold(response)
}
