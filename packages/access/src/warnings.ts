// Lines for the operator: one for each subject, the newest.

export class Warnings {
  readonly #lines = new Map<string, string>()

  get lines(): readonly string[] {
    return [...this.#lines.values()]
  }

  set(subject: string, problem: unknown): void {
    const text = problem instanceof Error ? problem.message : String(problem)
    this.#lines.set(subject, `${subject}: ${text}`)
  }

  /** The subject is well again. */
  clear(subject: string): void {
    this.#lines.delete(subject)
  }
}
