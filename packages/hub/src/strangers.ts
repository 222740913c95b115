// So many strangers in one turn of the event loop, so that the work for all others goes on in between.

import type { Access } from '@tidemark/access'
import { AddressLines, countingKey } from '@tidemark/access/hub'
import type { IpAddress } from '@tidemark/access/hub'
import { describeRequest } from '@tidemark/server/node'
import type { NodeRequest } from '@tidemark/server/node'

/**
 * Thousands of bad tokens may arrive in one turn. To check and refuse all of them at once would hold up every
 * event and every client that is there already.
 */
export class Strangers {
  readonly #access: Pick<Access, 'knows'>
  readonly #perTurnMax: number
  readonly #lines = new AddressLines()
  #left: number
  #isRenewing = false

  constructor(access: Pick<Access, 'knows'>, perTurnMax: number) {
    this.#access = access
    this.#perTurnMax = perTurnMax
    this.#left = perTurnMax
  }

  /** Resolves when it is the request's turn; undefined: it is now, as always for a token that is known. */
  turnOf(request: NodeRequest, address: IpAddress | undefined): Promise<void> | undefined {
    this.#renewLater()
    if (this.#left > 0 && this.#lines.isEmpty) {
      this.#left -= 1
      return undefined
    }
    if (this.#access.knows(describeRequest(request))) return undefined
    return this.#lines.wait(address === undefined ? '' : countingKey(address))
  }

  #renewLater(): void {
    if (this.#isRenewing) return
    this.#isRenewing = true
    setImmediate(() => {
      this.#isRenewing = false
      this.#left = this.#perTurnMax
      while (this.#left > 0 && this.#lines.passNext()) this.#left -= 1
      if (this.#left < this.#perTurnMax) this.#renewLater()
    })
  }
}
