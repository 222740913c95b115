// A way out of a process whose storage is stuck.

import { isMainThread } from 'node:worker_threads'

/**
 * Until the returned function is called, the process ends by SIGKILL when it exits; its exit code is lost, and so are listeners
 * for `exit` that came later. lmdb's exit hook would wait, in the main thread and for ever, for a write that does not begin
 * (`EnvWrap::cleanupStrayTxns` of lmdb 3.5.6, which wants the lock that `WriteWorker::Write` holds meanwhile, and keeps when
 * `mdb_txn_begin` fails); no signal handler runs any more then. What is committed is safe from a kill.
 *
 * Does nothing in a worker thread, whose exit is not the process's.
 */
export function killAtExit(): () => void {
  if (!isMainThread) return () => undefined
  const kill = (): void => void process.kill(process.pid, 'SIGKILL')
  process.once('exit', kill)
  return () => void process.off('exit', kill)
}
