// The end of a session, for somebody who waits for it.

/** A promise of why it closed. Made when the first asks. */
export class Closing {
  readonly reason: Promise<string>
  #tell: ((reason: string) => void) | undefined

  /** @param known why it has closed, if it has */
  constructor(known: string | undefined) {
    this.reason = new Promise((resolve) => {
      this.#tell = resolve
    })
    if (known !== undefined) this.tell(known)
  }

  tell(reason: string): void {
    this.#tell?.(reason)
  }
}
