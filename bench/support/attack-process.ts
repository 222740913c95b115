// A process of attackers, as its starter sees it.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Order, Report } from './attackers.ts'

export class AttackProcess {
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>

  /** @param priority of the process, as of `nice` */
  constructor(priority: number) {
    const program = fileURLToPath(new URL('attackers.ts', import.meta.url))
    this.#child = spawn(process.execPath, [program, String(priority)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    if (this.#child.stdout === null) throw new Error('The attackers have no output.')
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  async send(order: Order): Promise<Report> {
    this.#child.stdin?.write(`${JSON.stringify(order)}\n`)
    const { value } = (await this.#answers.next()) as { readonly value: string }
    return JSON.parse(value) as Report
  }

  end(): void {
    this.#child.stdin?.end()
  }
}
