// The cost of a declaration about a listener once the listener is gone.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { declareFate, fateOf } from '../src/node/listener-fate.ts'

test('a listener has the fate that was declared for it, and no other function has one', () => {
  const told = declareFate(() => undefined, 'told')
  const left = declareFate(function hear() {}, 'left')
  expect([told, left].map(fateOf)).toEqual(['told', 'left'])
  expect([() => undefined, told.bind(undefined), undefined, {}].map(fateOf)).toEqual([
    undefined,
    undefined,
    undefined,
    undefined,
  ])
})

test('listeners of connections that came and went leave no table behind that has room for all of them', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const declareMany = (): void => {
    const listeners = Array.from({ length: 100_000 }, () => declareFate(() => undefined, 'told'))
    expect(listeners.every((listener) => fateOf(listener) === 'told')).toBe(true)
  }
  const measureHeap = (): number => {
    collect()
    collect()
    return process.memoryUsage().heapUsed
  }
  const before = measureHeap()
  declareMany()
  // A WeakMap's table with room for 100,000 is 4 MB, and stays.
  expect(measureHeap() - before).toBeLessThan(1_000_000)
})
