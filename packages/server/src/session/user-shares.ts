// The share of each user in a ledger, so that one of them alone cannot keep all others out of it.
//
// One user may hold as much as is free. So a single one gets half of the room, and there is always some left.

import { ledgerBytesMax, ledgerEntriesMax } from '@tidemark/log/values'

/** The room that there is, for all users together. */
export interface Room {
  readonly count: number
  readonly bytes: number
}

const whole: Room = { count: ledgerEntriesMax, bytes: ledgerBytesMax }

interface Item {
  readonly user: string | undefined
  readonly bytes: number
}

/** Counts all items, and those of each user. */
export class UserShares {
  readonly #room: Room
  readonly #items = new Map<string, Item>()
  readonly #users = new Map<string | undefined, { count: number; bytes: number }>()
  #bytes = 0

  /** @param room Default: that of a ledger */
  constructor(room: Room = whole) {
    this.#room = room
  }

  put(id: string, item: Item): void {
    this.drop(id)
    this.#items.set(id, item)
    this.#add(item.user, 1, item.bytes)
  }

  drop(id: string): void {
    const item = this.#items.get(id)
    if (item === undefined) return
    this.#items.delete(id)
    this.#add(item.user, -1, -item.bytes)
  }

  /** Whether a user may hold one more of so many bytes. Those of nobody in particular are as one user. */
  hasRoom(user: string | undefined, bytes: number): boolean {
    const held = this.#users.get(user) ?? { count: 0, bytes: 0 }
    const free = {
      count: this.#room.count - this.#items.size,
      bytes: this.#room.bytes - this.#bytes,
    }
    return held.count < free.count && held.bytes + bytes <= free.bytes
  }

  #add(user: string | undefined, count: number, bytes: number): void {
    this.#bytes += bytes
    const held = this.#users.get(user) ?? { count: 0, bytes: 0 }
    const now = { count: held.count + count, bytes: held.bytes + bytes }
    if (now.count === 0) this.#users.delete(user)
    else this.#users.set(user, now)
  }
}
