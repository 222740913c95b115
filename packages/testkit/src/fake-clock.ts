// A clock that tests turn themselves.

import type { Clock, Timer } from '@tidemark/log'

/** A clock that stands still until it is told to move. */
export interface FakeClock extends Clock {
  /** How many tasks are still to run. */
  readonly pending: number
  /** Lets time pass: runs every task that becomes due, each at its own time. */
  advance(ms: number): void
  /**
   * Sets the time of day, also backwards. Timers run on as a machine's do: they count what passes,
   * not the time of day.
   */
  set(timeMs: number): void
}

interface Task extends Timer {
  readonly dueAt: number
  readonly run: () => void
}

/** A clock that starts at `startMs`, by default noon of 1 January 2026 (UTC). */
export function createFakeClock(startMs: number = Date.UTC(2026, 0, 1, 12)): FakeClock {
  const tasks = new Set<Task>()
  let passed = 0
  let offset = startMs
  const nextDue = (until: number): Task | undefined => {
    let next: Task | undefined
    for (const task of tasks) {
      if (task.dueAt <= until && (next === undefined || task.dueAt < next.dueAt)) next = task
    }
    return next
  }
  return {
    get pending() {
      return tasks.size
    },
    now: () => offset + passed,
    elapsed: () => passed,
    after(delayMs, run) {
      const task: Task = {
        dueAt: passed + Math.max(0, delayMs),
        run,
        cancel: () => tasks.delete(task),
      }
      tasks.add(task)
      return task
    },
    advance(ms) {
      const until = passed + ms
      for (let task = nextDue(until); task !== undefined; task = nextDue(until)) {
        tasks.delete(task)
        passed = task.dueAt
        task.run()
      }
      passed = until
    },
    set(timeMs) {
      offset = timeMs - passed
    },
  }
}
