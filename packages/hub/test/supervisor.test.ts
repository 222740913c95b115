// How workers are replaced, by a clock that tests turn.

import { createFakeClock } from '@tidemark/testkit'
import type { FakeClock } from '@tidemark/testkit'
import { expect, test } from 'vitest'
import { planCounts } from '../src/count-rules.ts'
import { loadConfig } from '../src/index.ts'
import { failedStartsMax, watchLimits } from '../src/limits.ts'
import { Dispatcher } from '../src/workers/dispatcher.ts'
import { Supervisor } from '../src/workers/supervisor.ts'
import type { WorkerListener } from '../src/workers/worker-process.ts'

interface Scene {
  readonly supervisor: Supervisor
  readonly clock: FakeClock
  readonly lines: readonly string[]
  /** The workers started so far, oldest first. */
  readonly workers: readonly WorkerListener[]
  readonly newest: () => WorkerListener
  /** Calls of the listening socket: workers, and handles that it was brought. */
  readonly doorWorkers: readonly ('add' | 'remove')[]
  readonly copies: readonly unknown[]
}

const leave = (worker: WorkerListener): void => worker.ended('ended with exit code 0', true)

/** How workers behave. */
interface Behaviour {
  /** A worker's reaction to being told to drain. */
  readonly onDrain?: (worker: WorkerListener) => void
  /** One that does not answer hangs. */
  readonly isAnswering?: () => boolean
  /** Whether storage takes no events from worker n, counted from 1. */
  readonly isStuck?: (worker: number) => boolean
  /** Whether worker n stores something between any two answers. */
  readonly isStoring?: (worker: number) => boolean
}

function createScene(
  count: number,
  {
    onDrain = leave,
    isAnswering = () => true,
    isStuck = () => false,
    isStoring = () => false,
  }: Behaviour = {},
): Scene {
  const clock = createFakeClock()
  const lines: string[] = []
  const workers: WorkerListener[] = []
  const doorWorkers: ('add' | 'remove')[] = []
  const copies: unknown[] = []
  const config = loadConfig({ flags: {}, env: {}, directory: '/nowhere' })
  const supervisor = new Supervisor({
    workers: count,
    start: { kind: 'start', config, url: 'http://localhost', drainSessionsPerSecond: 500 },
    drainMsMax: 30_000,
    watch: watchLimits,
    counts: planCounts(config),
    fork: (listener) => {
      workers.push(listener)
      const kill = (): void => listener.ended('was killed by SIGKILL', false)
      const pid = workers.length
      let commits = 0
      const send = ({ kind }: { readonly kind: string }): void => {
        if (kind === 'drain') onDrain(listener)
        if (kind === 'ping' && isAnswering()) {
          if (isStoring(pid)) commits += 1
          listener.heard({
            kind: 'pong',
            sessions: 0,
            isStuck: isStuck(pid),
            commits,
            isOutOfDescriptors: false,
          })
        }
      }
      return { pid, send, hand: () => undefined, copy: () => undefined, kill }
    },
    dispatcher: new Dispatcher({
      sessionsMax: 10,
      connectionsMax: 10,
      onTheWayMax: 10,
      clock,
      onRoom: () => undefined,
    }),
    listeningSocket: {
      add: () => doorWorkers.push('add'),
      remove: () => doorWorkers.push('remove'),
      receive: (handle) => copies.push(handle),
    },
    clock,
    say: (text) => lines.push(text),
    onClosed: () => undefined,
  })
  const newest = (): WorkerListener => {
    const worker = workers.at(-1)
    if (worker === undefined) throw new Error('No worker was started yet.')
    return worker
  }
  return { supervisor, clock, lines, workers, newest, doorWorkers, copies }
}

async function startScene(count: number, behaviour: Behaviour = {}): Promise<Scene> {
  const scene = createScene(count, behaviour)
  const started = scene.supervisor.start()
  for (const worker of scene.workers) worker.heard({ kind: 'ready' })
  await started
  return scene
}

test('a hub starts when all of its workers serve, not before', async () => {
  const { supervisor, workers } = createScene(2)
  let isStarted = false
  const started = supervisor.start().then(() => (isStarted = true))
  workers[0]?.heard({ kind: 'ready' })
  await Promise.resolve()
  expect(isStarted).toBe(false)
  workers[1]?.heard({ kind: 'ready' })
  await started
})

test('a worker that cannot start at first ends the whole with its own message and code', async () => {
  const { supervisor, workers } = createScene(2)
  const started = supervisor.start()
  const failure = { message: 'Cannot write ./data.', code: 'LOG_NOT_WRITABLE' }
  workers[1]?.heard({ kind: 'failed', failure })
  workers[1]?.ended('ended with exit code 1', false)
  await expect(started).rejects.toMatchObject(failure)
})

test('a worker killed before it could say anything is named', async () => {
  const { supervisor, workers } = createScene(2)
  const started = supervisor.start()
  workers[0]?.ended('was killed by SIGSEGV', false)
  await expect(started).rejects.toMatchObject({
    code: 'WORKER_ENDED',
    message: expect.stringContaining('worker 1 (process 1) was killed by SIGSEGV'),
  })
})

test('a worker that dies after a steady life is replaced at once, however often', async () => {
  const { clock, workers, newest } = await startScene(1)
  for (let i = 0; i < 50; i++) {
    clock.advance(1_000)
    newest().ended('was killed by SIGKILL', false)
    clock.advance(0)
    expect(workers).toHaveLength(i + 2)
    newest().heard({ kind: 'ready' })
  }
})

test('restarts after short lives are spaced, up to 5 s', async () => {
  const { clock, workers, newest, lines } = await startScene(1)
  const waits: number[] = []
  for (let i = 0; i < 9; i++) {
    newest().ended('ended with exit code 1', false)
    const before = workers.length
    let waited = 0
    while (workers.length === before) {
      clock.advance(waited === 0 ? 0 : 100)
      if (workers.length === before) waited += 100
    }
    waits.push(waited)
    newest().heard({ kind: 'ready' })
  }
  expect(waits).toEqual([0, 100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000])
  expect(lines.at(-2)).toBe(
    'worker 1 (process 9) ended with exit code 1; another starts in 5000 ms.',
  )
  expect(lines.at(-1)).toBe('worker 1 (process 10) serves.')
})

test('a hub none of whose workers can be started again ends with the reason of the last', async () => {
  const { supervisor, clock, workers, newest } = await startScene(1)
  const failure = { message: 'The disk is gone.', code: 'LOG_NOT_WRITABLE' }
  newest().ended('was killed by SIGKILL', false)
  for (let i = 0; i <= failedStartsMax; i++) {
    clock.advance(5_000)
    newest().heard({ kind: 'failed', failure })
    newest().ended('ended with exit code 1', false)
  }
  await expect(supervisor.failed).rejects.toMatchObject(failure)
  clock.advance(60_000)
  expect(workers).toHaveLength(failedStartsMax + 2)
})

test('a worker that cannot start is tried for as long as another one serves', async () => {
  const { clock, workers, newest } = await startScene(2)
  newest().ended('was killed by SIGKILL', false)
  for (let i = 0; i < 50; i++) {
    clock.advance(5_000)
    expect(workers).toHaveLength(i + 3)
    newest().ended('ended with exit code 1', false)
  }
})

test('a worker that hangs is killed and replaced, and says so in one line', async () => {
  let isHanging = false
  const { clock, lines, workers, newest } = await startScene(1, { isAnswering: () => !isHanging })
  clock.advance(60_000)
  expect(lines).toEqual([])
  isHanging = true
  clock.advance(16_000)
  expect(lines).toEqual([
    'worker 1 (process 1) hangs: it has not answered for 15000 ms and is killed.',
    'worker 1 (process 1) was killed by SIGKILL; another starts now.',
  ])
  clock.advance(0)
  expect(workers).toHaveLength(2)
  isHanging = false
  newest().heard({ kind: 'ready' })
  clock.advance(60_000)
  expect(workers).toHaveLength(2)
})

test('nothing is replaced while a hub drains, nor started that was waiting for its turn', async () => {
  const { supervisor, clock, workers, newest } = await startScene(2)
  newest().ended('ended with exit code 1', false)
  clock.advance(0)
  newest().ended('ended with exit code 1', false)
  await supervisor.drain()
  clock.advance(60_000)
  expect(workers).toHaveLength(3)
})

test('drain, then close: both resolve, and nobody is missed', async () => {
  const { supervisor, lines } = await startScene(2, { onDrain: () => undefined })
  const drained = supervisor.drain()
  await supervisor.close()
  await drained
  expect(lines).toEqual([])
})

test('a worker that dies while the hub drains is told, and the drain does not count as clean', async () => {
  const { supervisor, workers, lines } = await startScene(2, { onDrain: () => undefined })
  const drained = supervisor.drain()
  workers[0]?.ended('was killed by SIGKILL', false)
  workers[1]?.ended('ended with exit code 0', true)
  await expect(drained).rejects.toMatchObject({
    code: 'WORKER_ENDED',
    message: expect.stringContaining('worker 1 (process 1) was killed by SIGKILL') as string,
  })
  expect(lines).toEqual([
    'worker 1 (process 1) was killed by SIGKILL, before it had sent its sessions away.',
  ])
})

test('a worker that fails while the hub drains ends it with its own message and code', async () => {
  const { supervisor, workers } = await startScene(1, { onDrain: () => undefined })
  const drained = supervisor.drain()
  const failure = { message: 'The disk is gone.', code: 'LOG_NOT_WRITABLE' }
  workers[0]?.heard({ kind: 'failed', failure })
  workers[0]?.ended('ended with exit code 1', false)
  await expect(drained).rejects.toMatchObject(failure)
})

test('a worker that hangs while the hub drains is killed in the end, and the drain does not count as clean', async () => {
  const { supervisor, clock, lines, workers } = await startScene(2, { onDrain: () => undefined })
  const drained = supervisor.drain()
  const [first] = workers
  if (first !== undefined) leave(first)
  clock.advance(29_999)
  expect(lines).toEqual([])
  clock.advance(1)
  await expect(drained).rejects.toMatchObject({ code: 'WORKER_ENDED' })
  expect(lines[0]).toMatch(/^worker 2 .* has not left after 30000 ms and is killed\.$/)
})

const lookTimes = (clock: FakeClock, looks: number): void => {
  for (let look = 0; look < looks; look++) clock.advance(watchLimits.everyMs)
}

test('a worker that storage takes no events from is replaced while another one stores some', async () => {
  const { clock, lines, workers } = await startScene(2, {
    isStuck: (worker) => worker === 2,
    isStoring: (worker) => worker === 1,
  })
  lookTimes(clock, watchLimits.hungLooks - 1)
  expect(lines).toEqual([])
  lookTimes(clock, 1)
  expect(lines).toEqual([
    'worker 2 (process 2) cannot store events, while others can, and is killed.',
    'worker 2 (process 2) was killed by SIGKILL; another starts now.',
  ])
  clock.advance(0)
  expect(workers).toHaveLength(3)
})

test('while no other worker has shown that it can store, all go on serving those who read', async () => {
  let isStoring = true
  const { clock, lines } = await startScene(3, {
    isStuck: (worker) => worker < 3 && !isStoring,
    isStoring: () => isStoring,
  })
  lookTimes(clock, 3)
  isStoring = false
  lookTimes(clock, 3 * watchLimits.hungLooks)
  isStoring = true
  lookTimes(clock, 3 * watchLimits.hungLooks)
  expect(lines).toEqual([])
})

test('a worker that has sent its sessions away and then cannot end but by a kill has left', async () => {
  const { supervisor, lines } = await startScene(2, {
    onDrain: (worker) => {
      worker.heard({ kind: 'drained' })
      worker.ended('was killed by SIGKILL', false)
    },
  })
  await supervisor.drain()
  expect(lines).toEqual([])
})

test('the listeningSocket may ask a worker for copies before it serves, and no more once it has ended', async () => {
  const { supervisor, workers, doorWorkers, copies } = createScene(1)
  const started = supervisor.start()
  expect(doorWorkers).toEqual(['add'])
  workers[0]?.heard({ kind: 'copy' }, 'a handle')
  expect(copies).toEqual(['a handle'])
  workers[0]?.ended('was killed by SIGKILL', false)
  await expect(started).rejects.toThrow('was killed')
  expect(doorWorkers).toEqual(['add', 'remove'])
})
