// Asking whether the hub is ready costs a write; many who ask share it.

import { LogError } from '@tidemark/log'
import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { Readiness } from '../src/readiness.ts'

const noError = (error: unknown): void => {
  throw error
}

function makeTide(): { isDraining: boolean; probes: number; probe(): Promise<boolean> } {
  return {
    isDraining: false,
    probes: 0,
    async probe() {
      this.probes++
      return this.probes < 3
    },
  }
}

test('a thousand requests for readiness write once, and once more a second later', async () => {
  const clock = createFakeClock()
  const tide = makeTide()
  const readiness = new Readiness({ tide, abilities: {}, clock, onError: noError })
  const ask = (): Promise<unknown[]> =>
    Promise.all(Array.from({ length: 1_000 }, () => readiness.findFault()))
  expect(new Set(await ask())).toEqual(new Set([undefined]))
  clock.advance(999)
  await ask()
  expect(tide.probes).toBe(1)
  clock.advance(1)
  await ask()
  expect(tide.probes).toBe(2)
})

test('a hub that stops delivering, or drains, is not called ready for longer than a second', async () => {
  const clock = createFakeClock()
  const tide = makeTide()
  tide.probes = 1
  const readiness = new Readiness({ tide, abilities: {}, clock, onError: noError })
  expect(await readiness.findFault()).toBeUndefined()
  clock.advance(1_000)
  expect(await readiness.findFault()).toMatch(/not delivered/)
  tide.isDraining = true
  expect(await readiness.findFault()).toMatch(/shutting down/)
})

test('a hub that has lost its log is not ready from then on, whatever the last probe said', async () => {
  const tide = makeTide()
  const faults: { fault: LogError | undefined } = { fault: undefined }
  const abilities = { faults }
  const readiness = new Readiness({ tide, abilities, clock: createFakeClock(), onError: noError })
  expect(await readiness.findFault()).toBeUndefined()
  faults.fault = new LogError('LOG_DIRECTORY_LOST', 'An older copy was put over it.')
  expect(await readiness.findFault()).toMatchObject({ code: 'LOG_DIRECTORY_LOST', status: 503 })
  expect(tide.probes).toBe(1)
})
