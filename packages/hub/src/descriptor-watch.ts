// Whether this process still gets file descriptors. The library below Node closes connections without a
// word when there are none.

import { close, open } from 'node:fs'
import type { Clock, Timer } from '@tidemark/log'
import { descriptorLookMs } from './limits.ts'

export interface DescriptorWatchOptions {
  readonly clock: Clock
  /** Told of what an operator should know. */
  readonly say: (text: string) => void
  /** Told each time it changes. */
  readonly onChange?: (isOutOfDescriptors: boolean) => void
  /** Resolves to the code of the error that opening a file ends with. Default: opens `/dev/null`. */
  readonly probe?: () => Promise<string | undefined>
}

/**
 * Looks once a second. Connections are bounded by what the limit allows, so others have taken what is
 * missing.
 */
export class DescriptorWatch {
  readonly #options: DescriptorWatchOptions
  #timer: Timer | undefined
  #isOutOfDescriptors = false
  #isStopped = false

  constructor(options: DescriptorWatchOptions) {
    this.#options = options
    this.#lookLater()
  }

  /** Whether there were none at the last look. */
  get isOutOfDescriptors(): boolean {
    return this.#isOutOfDescriptors
  }

  stop(): void {
    this.#isStopped = true
    this.#timer?.cancel()
  }

  #lookLater(): void {
    this.#timer = this.#options.clock.after(descriptorLookMs, () => void this.#look())
  }

  async #look(): Promise<void> {
    const { probe = openNothing } = this.#options
    const code = await probe()
    if (this.#isStopped) return
    this.#note(code)
    this.#lookLater()
  }

  #note(code: string | undefined): void {
    const { say, onChange } = this.#options
    const isOutOfDescriptors = code === 'EMFILE' || code === 'ENFILE'
    if (isOutOfDescriptors === this.#isOutOfDescriptors) return
    this.#isOutOfDescriptors = isOutOfDescriptors
    const whose = code === 'EMFILE' ? 'This process has' : 'This machine has'
    say(
      isOutOfDescriptors
        ? `${whose} no file descriptors left (${code}): connections may be cut before they are answered. Raise ${code === 'EMFILE' ? 'ulimit -n' : 'fs.file-max'}, or lower --max-sessions.`
        : 'There are file descriptors again.',
    )
    onChange?.(isOutOfDescriptors)
  }
}

function openNothing(): Promise<string | undefined> {
  return new Promise((resolve) => {
    open('/dev/null', 'r', (error, file) => {
      if (error === null) close(file, () => resolve(undefined))
      else resolve(error.code)
    })
  })
}
