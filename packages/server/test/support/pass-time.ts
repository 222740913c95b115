// Lets time pass for nodes that share a log, with turns between for all that they write and hear.

import type { FakeClock } from '@tidemark/testkit'
import { settle } from './settle.ts'

const stepMs = 250

export async function passTime(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    clock.advance(Math.min(stepMs, ms - passed))
    await settle(6)
  }
}
