// How much a process has grown at most while it was under load.

import { systemClock } from '@tidemark/log'
import type { Timer } from '@tidemark/log'
import { readAnonymousBytes } from '../proc/processes.ts'
import { memoryLookMs } from './limits.ts'

export interface MemoryWatch {
  /** Ends the watch; answers bytes. */
  stop(): number
}

/** Watches a process and its children from now on; what they hold now is what they are measured against. */
export function watchMemory(pid: number | undefined): MemoryWatch {
  if (pid === undefined) return { stop: () => 0 }
  const before = readAnonymousBytes(pid)
  let peak = before
  let timer: Timer
  const look = (): void => {
    peak = Math.max(peak, readAnonymousBytes(pid))
    timer = systemClock.after(memoryLookMs, look)
  }
  look()
  return {
    stop() {
      timer.cancel()
      return peak - before
    },
  }
}
