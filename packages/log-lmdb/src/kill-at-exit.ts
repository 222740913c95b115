// A way out of a process in which lmdb is at work that cannot be broken off.

import { isMainThread } from 'node:worker_threads'

/** Exit codes that tell of a signal: 128 and its number. */
const signals: Readonly<Record<number, NodeJS.Signals>> = {
  129: 'SIGHUP',
  130: 'SIGINT',
  143: 'SIGTERM',
}

/**
 * Until the returned function is called, the process ends by a signal when it exits: by the one that its exit code tells of, else by
 * SIGKILL. Any other exit code is lost, and so are listeners for `exit` that came later. What is committed is safe from a kill.
 *
 * lmdb's exit hook would wait, in the main thread and for ever, for a write that does not begin (`EnvWrap::cleanupStrayTxns` of
 * lmdb 3.5.6, which wants the lock that `WriteWorker::Write` holds meanwhile, and keeps when `mdb_txn_begin` fails); no signal
 * handler runs any more then. It waits
 * for ever as well for a transaction whose callback has yet to run, and it unmaps the data under a copy that another thread makes,
 * which is a SIGSEGV.
 *
 * Does nothing in a worker thread, whose exit is not the process's.
 */
export function killAtExit(): () => void {
  if (!isMainThread) return () => undefined
  process.once('exit', endBySignal)
  return () => void process.off('exit', endBySignal)
}

function endBySignal(exitCode: number): void {
  const signal = signals[exitCode]
  if (signal !== undefined) {
    // Without a listener the signal does what it does to any program.
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  }
  process.kill(process.pid, 'SIGKILL')
}
