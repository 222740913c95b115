// A way to end a process while lmdb is at work that cannot be stopped.

import { isMainThread } from 'node:worker_threads'

/** Exit codes that stand for a signal: 128 plus its number. */
const signals: Readonly<Record<number, NodeJS.Signals>> = {
  129: 'SIGHUP',
  130: 'SIGINT',
  143: 'SIGTERM',
}

/**
 * Makes the process end by a signal when it exits, until the returned function is called. The
 * signal is the one that the exit code stands for, else SIGKILL. Any other exit code is lost, and
 * later listeners for `exit` are not called. A kill does not harm committed data.
 *
 * lmdb's exit hook would wait for ever, in the main thread, for a write that does not begin. No
 * signal handler runs any more then. The hook is `EnvWrap::cleanupStrayTxns` of lmdb 3.5.6. It
 * wants the lock that `WriteWorker::Write` holds meanwhile, and keeps when `mdb_txn_begin` fails.
 * The hook also waits for a transaction whose callback has yet to run.
 *
 * With `tidy` the process ends before any listener for `exit` is called, and `tidy` is called
 * first. lmdb has such a listener. It would unmap the data under a copy that another thread makes:
 * a SIGSEGV.
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
