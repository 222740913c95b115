// Which worker a connection goes to.

import { Socket } from 'node:net'
import { createFakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { Porter } from '../src/workers/porter.ts'
import type { WorkerProcess } from '../src/workers/worker-process.ts'

interface Counter {
  readonly porter: Porter
  readonly workers: readonly WorkerProcess[]
  /** How many connections each worker got so far. */
  readonly handed: readonly number[]
  /** Brings so many connections. */
  readonly bring: (count: number) => void
}

/** A porter with workers that take what they are handed at once. */
function openCounter(workerCount: number): Counter {
  const porter = new Porter({ connectionsMax: 1_000, clock: createFakeClock() })
  const handed = Array.from({ length: workerCount }, () => 0)
  const toTake = new Set<WorkerProcess>()
  const workers = handed.map((_, i): WorkerProcess => {
    const worker: WorkerProcess = {
      pid: i,
      send: () => undefined,
      hand: () => {
        handed[i] = (handed[i] ?? 0) + 1
        toTake.add(worker)
      },
      kill: () => undefined,
    }
    porter.add(worker)
    return worker
  })
  const bring = (count: number): void => {
    for (let i = 0; i < count; i++) {
      porter.accept(new Socket())
      for (const worker of toTake) porter.taken(worker)
      toTake.clear()
    }
  }
  return { porter, workers, handed, bring }
}

test('a worker that is silent gets no connection until it is heard, then catches up', () => {
  const { porter, workers, handed, bring } = openCounter(2)
  const [first] = workers
  if (first === undefined) throw new Error('There are two workers.')
  porter.doubt(first)
  bring(10)
  expect(handed).toEqual([0, 10])
  porter.heard(first, 0)
  bring(20)
  expect(handed).toEqual([15, 15])
})

test('while all workers are silent connections wait, and go to the first that is heard', () => {
  const { porter, workers, handed, bring } = openCounter(2)
  for (const worker of workers) porter.doubt(worker)
  bring(1)
  expect(handed).toEqual([0, 0])
  const [, second] = workers
  if (second !== undefined) porter.heard(second, 0)
  expect(handed).toEqual([0, 1])
})

test('a connection that carries many streams counts for as many once they are told', () => {
  const { porter, workers, handed, bring } = openCounter(2)
  const [first, second] = workers
  if (first === undefined || second === undefined) throw new Error('There are two workers.')
  bring(2)
  for (const worker of workers) porter.asked(worker)
  porter.heard(first, 100)
  porter.heard(second, 1)
  bring(99)
  expect(handed).toEqual([1, 100])
  bring(10)
  expect(handed).toEqual([6, 105])
})

test('connections kept alive without a stream do not keep streams away', () => {
  const { porter, workers, handed, bring } = openCounter(2)
  const [first, second] = workers
  if (first === undefined || second === undefined) throw new Error('There are two workers.')
  porter.doubt(second)
  bring(50)
  for (const worker of workers) {
    porter.asked(worker)
    porter.heard(worker, 0)
  }
  expect(handed).toEqual([50, 0])
  // Nobody has a stream, so the fewest connections decide for one, and its stream for the next.
  bring(20)
  expect(handed).toEqual([60, 10])
})

test('what was handed over while the question was on its way is not forgotten with its answer', () => {
  const { porter, workers, handed, bring } = openCounter(2)
  const [first, second] = workers
  if (first === undefined || second === undefined) throw new Error('There are two workers.')
  porter.doubt(second)
  porter.asked(first)
  bring(10)
  porter.heard(first, 0)
  porter.heard(second, 0)
  bring(10)
  expect(handed).toEqual([10, 10])
})
