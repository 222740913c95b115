// A way out of a process whose storage is stuck.

/**
 * Until the returned function is called, the process ends by SIGKILL when it exits. lmdb's exit hook waits, in the main thread
 * and for ever, for a write that does not begin (`EnvWrap::cleanupStrayTxns` of lmdb 3.5.6, which wants the lock that
 * `WriteWorker::Write` holds meanwhile, and keeps when `mdb_txn_begin` fails); no signal handler runs any more then. What is
 * committed is safe from a kill.
 */
export function killAtExit(): () => void {
  const kill = (): void => void process.kill(process.pid, 'SIGKILL')
  process.once('exit', kill)
  return () => void process.off('exit', kill)
}
