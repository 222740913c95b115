// The end of a session, for somebody who waits for it.

/** A promise of why it closed. Made when the first asks. */
export class Closing {
  readonly reason: Promise<string>
  #tell: ((reason: string) => void) | undefined

  constructor() {
    this.reason = new Promise((resolve) => {
      this.#tell = resolve
    })
  }

  tell(reason: string): void {
    this.#tell?.(reason)
  }
}
