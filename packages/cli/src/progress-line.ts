// How far something long has come: a bar in place on a terminal, a line now and then elsewhere. Always
// on standard error.

import process from 'node:process'
import { systemClock } from '@tidemark/client'
import type { Clock } from '@tidemark/client'
import type { LogProgress } from '@tidemark/hub'
import { progressDrawMs, progressTellMs } from './limits.ts'
import { remark } from './output.ts'
import { renderBytes } from './render-bytes.ts'

const barWidth = 30

/** Where it is shown. */
export interface ProgressOutput {
  readonly isTTY: boolean
  readonly write: (text: string) => void
  readonly remark: (text: string) => void
}

const standardError: ProgressOutput = {
  isTTY: process.stderr.isTTY,
  write: (text) => void process.stderr.write(text),
  remark,
}

/** Shows progress; the first report of a step is always shown. */
export class ProgressLine {
  readonly #output: ProgressOutput
  readonly #clock: Clock
  #step = ''
  #shownAt = 0

  constructor(output: ProgressOutput = standardError, clock: Clock = systemClock) {
    this.#output = output
    this.#clock = clock
  }

  readonly show = (progress: LogProgress): void => {
    const now = this.#clock.now()
    const waitMs = this.#output.isTTY ? progressDrawMs : progressTellMs
    if (progress.step === this.#step && now - this.#shownAt < waitMs) return
    this.#step = progress.step
    this.#shownAt = now
    // ECMA-48: back to the line's start, and erase it.
    if (this.#output.isTTY) this.#output.write(`\r\u001b[2K${renderBar(progress)}`)
    else this.#output.remark(renderPlain(progress))
  }

  /** Leaves the line for what comes next. */
  end(): void {
    if (this.#output.isTTY && this.#step !== '') this.#output.write('\r\u001b[2K')
  }
}

/** `copying  [#########---------------------]  31 %  1.2 GiB of 3.9 GiB`. */
function renderBar(progress: LogProgress): string {
  const { step, done, all } = progress
  const share = shareOf(progress)
  const filled = Math.round(share * barWidth)
  const bar = `${'#'.repeat(filled)}${'-'.repeat(barWidth - filled)}`
  const percent = String(Math.floor(share * 100)).padStart(3)
  return `${step.padEnd(8)} [${bar}] ${percent} %  ${renderBytes(done)} of ${renderBytes(all)}`
}

function renderPlain(progress: LogProgress): string {
  const { step, all } = progress
  return `${step}: ${Math.floor(shareOf(progress) * 100)} % of ${renderBytes(all)}`
}

function shareOf({ done, all }: LogProgress): number {
  return all === 0 ? 1 : Math.min(1, done / all)
}
