// Turns at a directory's write lock among the handles of one process.
//
// LMDB opens a table in a transaction that the main thread waits for. A transaction of another handle of the
// same process may hold the lock meanwhile, and wait for the main thread: neither would ever go on. Those of
// other processes do not wait for this thread.

interface Line {
  /** Transactions that run, in LMDB's own threads. */
  beside: number
  /** The main thread is about to wait for the lock. */
  isAlone: boolean
  readonly waiting: { readonly isAlone: boolean; readonly go: () => void }[]
}

/** By the directory's real path. */
const lines = new Map<string, Line>()

/** Runs a transaction that keeps no thread of ours waiting. Many may run beside each other. */
export function inTurn<Result>(
  directory: string,
  task: () => Result | Promise<Result>,
): Promise<Result> {
  return run(directory, false, task)
}

/** Runs a transaction that the main thread waits for, when no other of this process is running. */
export function aloneInTurn<Result>(
  directory: string,
  task: () => Result | Promise<Result>,
): Promise<Result> {
  return run(directory, true, task)
}

async function run<Result>(
  directory: string,
  isAlone: boolean,
  task: () => Result | Promise<Result>,
): Promise<Result> {
  const line = lines.get(directory) ?? { beside: 0, isAlone: false, waiting: [] }
  lines.set(directory, line)
  if (line.waiting.length > 0 || !isFree(line, isAlone))
    await new Promise<void>((go) => line.waiting.push({ isAlone, go }))
  else take(line, isAlone)
  try {
    return await task()
  } finally {
    if (isAlone) line.isAlone = false
    else line.beside -= 1
    passOn(line)
    if (line.beside === 0 && !line.isAlone) lines.delete(directory)
  }
}

function isFree({ beside, isAlone }: Line, wantsAlone: boolean): boolean {
  return !isAlone && (!wantsAlone || beside === 0)
}

function take(line: Line, isAlone: boolean): void {
  if (isAlone) line.isAlone = true
  else line.beside += 1
}

/** In the order in which they came, so that a busy log keeps nobody waiting for ever. */
function passOn(line: Line): void {
  for (;;) {
    const [next] = line.waiting
    if (next === undefined || !isFree(line, next.isAlone)) return
    line.waiting.shift()
    take(line, next.isAlone)
    next.go()
  }
}
