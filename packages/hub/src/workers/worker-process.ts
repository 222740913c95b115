// A worker as the supervising process sees it: a child process with messages in both directions.

import { fork } from 'node:child_process'
import type { Server, Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { systemClock } from '@tidemark/log'
import { lastMessagesMs } from '../limits.ts'
import type { FromWorker, ListeningHandle, ToWorker } from './messages.ts'

/** A running worker. Messages to an ended worker are dropped. */
export interface WorkerProcess {
  readonly pid: number | undefined
  send(message: ToWorker): void
  /** Passes the socket to the worker. This process keeps its copy until it destroys it. */
  hand(socket: Socket): void
  /** Asks the worker to send back a copy of the handle. This process keeps its own. */
  copy(handle: ListeningHandle): void
  /** Ends it at once. */
  kill(): void
}

/** Receives the messages and the end of a worker. */
export interface WorkerListener {
  /** `handle` comes with a message of kind `copy`. */
  heard(message: FromWorker, handle?: unknown): void
  /**
   * The worker has ended; called once. `how` is such as `was killed by SIGKILL`. `isDone` means
   * that it ended by itself with exit code 0.
   */
  ended(how: string, isDone: boolean): void
}

/** Starts a worker. */
export type ForkWorker = (listener: WorkerListener) => WorkerProcess

/** The worker's program is beside this file, compiled like this file. */
const program = fileURLToPath(
  new URL(`./worker-main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
)

/** Starts a worker as a process of its own. */
export const forkWorker: ForkWorker = (listener) => {
  const child = fork(program, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  // After the first handle sent, Node's channel keeps no process alive. When workers end together, the end of
  // one can be seen before the end of its messages. Nothing else would keep this process for those.
  child.channel?.ref()
  let isEnded = false
  const end = (how: string, isDone: boolean): void => {
    if (isEnded) return
    isEnded = true
    listener.ended(how, isDone)
  }
  child.on('message', (message, handle: unknown) => listener.heard(message as FromWorker, handle))
  child.once('exit', (code, signal) => {
    const how = signal === null ? `ended with exit code ${code}` : `was killed by ${signal}`
    const reportEnd = (): void => end(how, code === 0)
    if (!child.connected) return reportEnd()
    // Its last messages may still be on their way, such as its last commits. Another process that holds the
    // channel must not keep a new worker from taking the place.
    const timer = systemClock.after(lastMessagesMs, reportEnd)
    child.once('disconnect', () => {
      timer.cancel()
      reportEnd()
    })
  })
  child.on('error', (error) => {
    // Without a process there will be no `exit`.
    if (child.pid === undefined) end(`could not be started: ${error.message}`, false)
  })
  // The `exit` event tells of the end, so a failed send needs no report.
  const ignore = (): void => undefined
  return {
    pid: child.pid,
    send: (message) => void child.send(message, ignore),
    hand: (socket) => void child.send({ kind: 'connection' }, socket, { keepOpen: true }, ignore),
    copy: (handle) => void child.send({ kind: 'copy' }, handle as unknown as Server, {}, ignore),
    kill: () => void child.kill('SIGKILL'),
  }
}
