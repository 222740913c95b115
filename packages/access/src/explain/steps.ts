// The checks of a credential tell here where they are: an explanation is made by the code that decides.

import { CodedError } from '@tidemark/server/hub'
import { splitAdvice } from './split-advice.ts'
import type { Check, CheckName } from './explanation.ts'

/** Heard by whoever explains a request; nobody listens when one is only decided. */
export interface Steps {
  /**
   * A check begins, and so the one before it has passed. `detail` is asked only when the check has passed,
   * and only if somebody listens.
   */
  begin(name: CheckName, detail: () => string): void
}

/** Writes down the checks of one request. */
export class StepRecorder implements Steps {
  readonly #checks: Check[] = []
  #open: { readonly name: CheckName; readonly detail: () => string } | undefined

  begin(name: CheckName, detail: () => string): void {
    this.pass()
    this.#open = { name, detail }
  }

  /** The check that has begun is done. */
  pass(): void {
    if (this.#open === undefined) return
    const { name, detail } = this.#open
    this.#checks.push({ name, isPassed: true, detail: detail() })
    this.#open = undefined
  }

  /**
   * The check that has begun refuses. `more` is advice that the message does not give.
   * @throws what is no refusal, but a fault of the application
   */
  fail(error: unknown, more?: string): void {
    if (!(error instanceof CodedError)) throw error
    const { detail, advice } = splitAdvice(error.message)
    const fix = [advice, more].filter((text) => text !== undefined).join(' ')
    const name = this.#open?.name ?? 'credential'
    this.#checks.push({ name, isPassed: false, detail, fix, code: error.code })
    this.#open = undefined
  }

  get checks(): readonly Check[] {
    return [...this.#checks]
  }
}
