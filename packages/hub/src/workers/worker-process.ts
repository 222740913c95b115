// A worker as the supervising process sees it: a child that is told things and tells things, until it ends.

import { fork } from 'node:child_process'
import type { Server, Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import type { FromWorker, ListeningHandle, ToWorker } from './messages.ts'

/** A running worker. What is sent to one that has ended is dropped. */
export interface WorkerProcess {
  readonly pid: number | undefined
  send(message: ToWorker): void
  /** Lets the worker have the socket as well; this process keeps it until it destroys it. */
  hand(socket: Socket): void
  /** Has the worker send a copy of the handle back; this process keeps its own. */
  copy(handle: ListeningHandle): void
  /** Ends it at once. */
  kill(): void
}

/** Who is told of a worker. */
export interface WorkerListener {
  /** What comes with a message of kind `copy` is the handle. */
  heard(message: FromWorker, handle?: unknown): void
  /** It has ended, once, with the words for how: `was killed by SIGKILL`. Done is what ended by itself, with exit code 0. */
  ended(how: string, isDone: boolean): void
}

/** Starts a worker. */
export type ForkWorker = (listener: WorkerListener) => WorkerProcess

/** Beside this file there is the program, compiled as this file is. */
const program = fileURLToPath(
  new URL(`./worker-main${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url),
)

/** Starts a worker as a process of its own. */
export const forkWorker: ForkWorker = (listener) => {
  const child = fork(program, [], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
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
    // What it has said last may still be on its way, such as what it has stored.
    if (child.connected) child.once('disconnect', reportEnd)
    else reportEnd()
  })
  child.on('error', (error) => {
    // Without a process there will be no exit.
    if (child.pid === undefined) end(`could not be started: ${error.message}`, false)
  })
  // The end of the process is told by its exit; what could not be sent before it needs no words.
  const ignore = (): void => undefined
  return {
    pid: child.pid,
    send: (message) => void child.send(message, ignore),
    hand: (socket) => void child.send({ kind: 'connection' }, socket, { keepOpen: true }, ignore),
    copy: (handle) => void child.send({ kind: 'copy' }, handle as unknown as Server, {}, ignore),
    kill: () => void child.kill('SIGKILL'),
  }
}
