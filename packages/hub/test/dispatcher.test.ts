// Which worker a connection goes to.

import { Socket } from 'node:net'
import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { handoverMs } from '../src/limits.ts'
import { Dispatcher } from '../src/workers/dispatcher.ts'
import type { WorkerProcess } from '../src/workers/worker-process.ts'

interface Counter {
  readonly dispatcher: Dispatcher
  readonly workers: readonly WorkerProcess[]
  /** How many connections each worker got so far. */
  readonly handed: readonly number[]
  /** Brings so many connections. */
  readonly bring: (count: number) => void
  /** The same without waiting for workers to take them. */
  readonly bringUntaken: (count: number) => void
  /** A worker confirms. */
  readonly take: (worker: WorkerProcess) => void
  readonly clock: FakeClock
  /** The dispatcher's reports of its room, oldest first. */
  readonly rooms: readonly boolean[]
}

interface Bounds {
  readonly sessionsMax?: number
  readonly connectionsMax?: number
  readonly onTheWayMax?: number
}

/** A dispatcher with workers that take what they are handed at once. */
function openCounter(workerCount: number, bounds: Bounds = {}): Counter {
  const rooms: boolean[] = []
  const clock = createFakeClock()
  const dispatcher = new Dispatcher({
    sessionsMax: 1_000,
    connectionsMax: 1_000,
    onTheWayMax: 1_000,
    ...bounds,
    clock,
    onRoom: (hasRoom) => rooms.push(hasRoom),
  })
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
      copy: () => undefined,
      kill: () => undefined,
    }
    dispatcher.add(worker)
    return worker
  })
  const bring = (count: number): void => {
    for (let i = 0; i < count; i++) {
      dispatcher.accept(new Socket())
      // Each that is taken may let another one go.
      for (const worker of toTake) take(worker)
    }
  }
  const take = (worker: WorkerProcess): void => {
    toTake.delete(worker)
    dispatcher.confirmed(worker)
  }
  const bringUntaken = (count: number): void => {
    for (let i = 0; i < count; i++) dispatcher.accept(new Socket())
  }
  return { dispatcher, workers, handed, bring, bringUntaken, take, clock, rooms }
}

test('a worker that is silent gets no connection until it is heard, then catches up', () => {
  const { dispatcher, workers, handed, bring } = openCounter(2)
  const [first] = workers
  if (first === undefined) throw new Error('There are two workers.')
  dispatcher.suspend(first)
  bring(10)
  expect(handed).toEqual([0, 10])
  dispatcher.answered(first, { sessions: 0, isOutOfDescriptors: false })
  bring(20)
  expect(handed).toEqual([15, 15])
})

test('while all workers are silent connections wait, and go to the first that is heard', () => {
  const { dispatcher, workers, handed, bring } = openCounter(2)
  for (const worker of workers) dispatcher.suspend(worker)
  bring(1)
  expect(handed).toEqual([0, 0])
  const [, second] = workers
  if (second !== undefined) dispatcher.answered(second, { sessions: 0, isOutOfDescriptors: false })
  expect(handed).toEqual([0, 1])
})

test('a connection that carries many streams counts for as many once they are told', () => {
  const { dispatcher, workers, handed, bring } = openCounter(2)
  const [first, second] = workers
  if (first === undefined || second === undefined) throw new Error('There are two workers.')
  bring(2)
  for (const worker of workers) dispatcher.pinged(worker)
  dispatcher.answered(first, { sessions: 100, isOutOfDescriptors: false })
  dispatcher.answered(second, { sessions: 1, isOutOfDescriptors: false })
  bring(99)
  expect(handed).toEqual([1, 100])
  bring(10)
  expect(handed).toEqual([6, 105])
})

test('connections kept alive without a stream do not keep streams away', () => {
  const { dispatcher, workers, handed, bring } = openCounter(2)
  const [first, second] = workers
  if (first === undefined || second === undefined) throw new Error('There are two workers.')
  dispatcher.suspend(second)
  bring(50)
  for (const worker of workers) {
    dispatcher.pinged(worker)
    dispatcher.answered(worker, { sessions: 0, isOutOfDescriptors: false })
  }
  expect(handed).toEqual([50, 0])
  // Nobody has a stream, so the fewest connections decide for one, and its stream for the next.
  bring(20)
  expect(handed).toEqual([60, 10])
})

test('what was handed over while the question was on its way is not forgotten with its answer', () => {
  const { dispatcher, workers, handed, bring } = openCounter(2)
  const [first, second] = workers
  if (first === undefined || second === undefined) throw new Error('There are two workers.')
  dispatcher.suspend(second)
  dispatcher.pinged(first)
  bring(10)
  dispatcher.answered(first, { sessions: 0, isOutOfDescriptors: false })
  dispatcher.answered(second, { sessions: 0, isOutOfDescriptors: false })
  bring(10)
  expect(handed).toEqual([10, 10])
})

test('a wave that workers do not take waits where it is: no more is accepted until some of it is taken', () => {
  const { dispatcher, workers, rooms, bringUntaken, take } = openCounter(1, { onTheWayMax: 16 })
  const [worker] = workers
  if (worker === undefined) throw new Error('There is a worker.')
  bringUntaken(15)
  expect(rooms).toEqual([])
  bringUntaken(1)
  expect(rooms).toEqual([false])
  take(worker)
  expect(rooms).toEqual([false])
  take(worker)
  expect(rooms).toEqual([false, true])
  dispatcher.remove(worker)
  bringUntaken(3)
  expect(rooms).toEqual([false, true, false])
})

test('before any worker serves, connections wait, and their number is bounded', () => {
  const { dispatcher, rooms, bringUntaken } = openCounter(0, { onTheWayMax: 3 })
  bringUntaken(3)
  expect(rooms).toEqual([false])
  const sockets: Socket[] = []
  const worker: WorkerProcess = {
    pid: 1,
    send: () => undefined,
    hand: (socket) => sockets.push(socket),
    copy: () => undefined,
    kill: () => undefined,
  }
  dispatcher.add(worker)
  while (sockets.length < 3) dispatcher.confirmed(worker)
  expect(sockets).toHaveLength(3)
  expect(rooms).toEqual([false, true])
})

test('the worker that answers fastest does not get more than its share while another is passed over', () => {
  const { dispatcher, workers, handed, bring } = openCounter(2, { sessionsMax: 10 })
  const [slow] = workers
  if (slow === undefined) throw new Error('There are two workers.')
  dispatcher.suspend(slow)
  bring(10)
  expect(handed).toEqual([0, 10])
  dispatcher.answered(slow, { sessions: 0, isOutOfDescriptors: false })
  bring(10)
  expect(handed).toEqual([10, 10])
})

test('streams that a worker has not told of yet count towards its share', () => {
  const { dispatcher, workers, handed, bring } = openCounter(2, { sessionsMax: 10 })
  const [first, second] = workers
  if (first === undefined || second === undefined) throw new Error('There are two workers.')
  dispatcher.suspend(second)
  bring(10)
  dispatcher.pinged(first)
  // It has taken the connections, and read none of the requests.
  dispatcher.answered(first, { sessions: 0, isOutOfDescriptors: false })
  dispatcher.pinged(second)
  dispatcher.answered(second, { sessions: 9, isOutOfDescriptors: false })
  bring(1)
  expect(handed).toEqual([10, 1])
})

test('when all hold their shares a connection is handed over to be told when to come back, and beyond the spare it waits uncut', () => {
  const { dispatcher, workers, handed, bring, bringUntaken } = openCounter(2, {
    sessionsMax: 2,
    connectionsMax: 3,
  })
  bring(6)
  expect(handed).toEqual([3, 3])
  const late = new Socket()
  dispatcher.accept(late)
  bringUntaken(1)
  expect([handed, late.destroyed]).toEqual([[3, 3], false])
  const [first] = workers
  if (first !== undefined) dispatcher.closed(first, 1)
  expect(handed).toEqual([4, 3])
})

test('a worker without file descriptors gets no connection, which would be lost there', () => {
  const { dispatcher, workers, handed, bring } = openCounter(2)
  const [first] = workers
  if (first === undefined) throw new Error('There are two workers.')
  dispatcher.answered(first, { sessions: 0, isOutOfDescriptors: true })
  bring(4)
  expect(handed).toEqual([0, 4])
  dispatcher.answered(first, { sessions: 0, isOutOfDescriptors: false })
  bring(4)
  expect(handed).toEqual([4, 4])
})

test('while this process has no file descriptors left nothing is accepted', () => {
  const { dispatcher, rooms } = openCounter(1)
  dispatcher.setOutOfDescriptors(true)
  dispatcher.setOutOfDescriptors(false)
  expect(rooms).toEqual([false, true])
})

test('a connection that was lost on its way to a worker goes to another, and does not keep the port closed for the first for good', () => {
  const { dispatcher, workers, handed, bring, bringUntaken, take, clock } = openCounter(2)
  const [first, second] = workers
  if (first === undefined || second === undefined) throw new Error('There are two workers.')
  const lost = new Socket()
  dispatcher.accept(lost)
  bringUntaken(2)
  take(second)
  clock.advance(handoverMs)
  take(second)
  expect(handed).toEqual([1, 2])
  // It answers what it was asked behind the connection, and has not confirmed it.
  dispatcher.pinged(first)
  dispatcher.answered(first, { sessions: 0, isOutOfDescriptors: false })
  expect([handed, lost.destroyed]).toEqual([[1, 3], false])
  take(second)
  expect(lost.destroyed).toBe(true)
  // The next answer says that it can take connections again; it has none, the other three.
  dispatcher.pinged(first)
  dispatcher.answered(first, { sessions: 0, isOutOfDescriptors: false })
  bring(3)
  expect(handed).toEqual([4, 3])
})

test('a lost connection keeps its place: it is handed over before those that came later', () => {
  const handed: number[] = []
  const { dispatcher } = openCounter(0)
  const worker: WorkerProcess = {
    pid: 1,
    send: () => undefined,
    hand: (socket) => handed.push(sockets.indexOf(socket)),
    copy: () => undefined,
    kill: () => undefined,
  }
  const sockets = [new Socket(), new Socket(), new Socket()]
  dispatcher.add(worker)
  for (const socket of sockets) dispatcher.accept(socket)
  for (let round = 0; round < 2; round++) {
    dispatcher.pinged(worker)
    dispatcher.answered(worker, { sessions: 0, isOutOfDescriptors: false })
  }
  for (let i = 0; i < 3; i++) dispatcher.confirmed(worker)
  expect(handed).toEqual([0, 0, 1, 2])
})

test('a connection that was handed over after the question is not taken for lost when the answer comes first', () => {
  const { dispatcher, workers, handed, bringUntaken, take } = openCounter(1)
  const [worker] = workers
  if (worker === undefined) throw new Error('There is a worker.')
  dispatcher.pinged(worker)
  bringUntaken(1)
  dispatcher.answered(worker, { sessions: 0, isOutOfDescriptors: false })
  expect(handed).toEqual([1])
  take(worker)
  bringUntaken(1)
  expect(handed).toEqual([2])
})

test('while a worker with room stands still for a moment nobody is handed to a full one to be sent away', () => {
  const { workers, handed, bringUntaken, take, clock } = openCounter(2, { sessionsMax: 10 })
  const [slow, fast] = workers
  if (slow === undefined || fast === undefined) throw new Error('There are two workers.')
  bringUntaken(20)
  clock.advance(handoverMs)
  for (let i = 0; i < 30; i++) take(fast)
  expect(handed).toEqual([1, 10])
  for (let i = 0; i < 10; i++) take(slow)
  expect(handed).toEqual([10, 10])
})

test('a worker that has left its watchdog without an answer is not waited for: the full one tells clients when to come back', () => {
  const { dispatcher, workers, handed, bringUntaken, take, clock } = openCounter(2, {
    sessionsMax: 10,
  })
  const [slow, fast] = workers
  if (slow === undefined || fast === undefined) throw new Error('There are two workers.')
  bringUntaken(20)
  clock.advance(handoverMs)
  for (let i = 0; i < 10; i++) take(fast)
  dispatcher.suspend(slow)
  for (let i = 0; i < 9; i++) take(fast)
  expect(handed).toEqual([1, 19])
})
