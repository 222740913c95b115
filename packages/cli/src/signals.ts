// Ctrl-C, `kill` and a terminal that is closed: the first asks for a tidy end, a second one is impatience.

import type { EventEmitter } from 'node:events'
import process from 'node:process'
import { systemClock } from '@tidemark/client'
import type { Clock } from '@tidemark/client'
import { exitCodes } from './exit-codes.ts'
import type { ExitCode } from './exit-codes.ts'
import { signalEchoMs } from './limits.ts'

/** The functions that are told of signals. */
export interface SignalHandlers {
  /** The first signal. */
  readonly onStop: (exitCode: ExitCode) => void
  /** Every later one. Default: the process ends at once. */
  readonly onAgain?: (exitCode: ExitCode) => void
  /** SIGHUP, where it does not ask for the end. Default: it does, as a terminal sends it that is closed. */
  readonly onHangUp?: (() => void) | undefined
}

/** Listens to SIGINT, SIGTERM and SIGHUP of `source`, the process itself unless told otherwise. */
export function onSignals(
  { onStop, onAgain = (exitCode) => process.exit(exitCode), onHangUp }: SignalHandlers,
  source: EventEmitter = process,
  clock: Clock = systemClock,
): void {
  let firstAt: number | undefined
  const hear = (exitCode: ExitCode): void => {
    const now = clock.now()
    if (firstAt === undefined) {
      firstAt = now
      onStop(exitCode)
    } else if (Math.abs(now - firstAt) >= signalEchoMs) {
      onAgain(exitCode)
    }
  }
  // Also under `nohup`: Node takes back that the signal is to be ignored, and would end at once.
  source.on('SIGHUP', onHangUp ?? (() => hear(exitCodes.hungUp)))
  source.on('SIGINT', () => hear(exitCodes.interrupted))
  source.on('SIGTERM', () => hear(exitCodes.terminated))
}
