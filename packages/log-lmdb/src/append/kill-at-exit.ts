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
 * handler runs any more then. It waits likewise for a transaction whose callback has yet to run.
 *
 * With `tidy` the process ends before any listener for `exit` is called, and `tidy` is called before that. Such a listener is
 * lmdb's own, which unmaps the data under a copy that another thread makes: a SIGSEGV.
 *
 * Does nothing in a worker thread, whose exit is not the process's.
 */
export function killAtExit(tidy?: () => void): () => void {
  if (!isMainThread) return () => undefined
  const end = (exitCode: number): void => {
    tidy?.()
    endBySignal(exitCode)
  }
  if (tidy === undefined) process.once('exit', end)
  else process.prependOnceListener('exit', end)
  return () => void process.off('exit', end)
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
