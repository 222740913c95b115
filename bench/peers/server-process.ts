// Starts a server as a process of its own, waits until its port answers, and ends it by its number.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { waitUntil } from '@tidemark/testkit'

/** The program to start. */
export interface ServerCommand {
  readonly command: string
  readonly args: readonly string[]
  /** The port that accepts connections as soon as the server is ready. */
  readonly port: number
  /** Its working directory. */
  readonly directory: string
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>>
}

/** A running process. */
export interface ServerProcess {
  readonly pid: number
  /** SIGTERM, and after 5 s SIGKILL. */
  stop(): Promise<void>
}

const startMsMax = 20_000
const stopMsMax = 5_000
const outputLengthMax = 16 * 1024

/**
 * Rejects with what the process has written when it ends before its port answers, or needs longer than
 * 20 s.
 */
export async function startServerProcess(server: ServerCommand): Promise<ServerProcess> {
  const child = spawn(server.command, server.args, {
    cwd: server.directory,
    env: { ...process.env, ...server.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = once(child, 'close').catch(() => undefined)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-outputLengthMax)
    })
  }
  const isEnded = (): boolean =>
    child.pid === undefined || child.exitCode !== null || child.signalCode !== null
  // A comparison that is cut short must not leave servers behind.
  const killNow = (): boolean => child.kill('SIGKILL')
  process.once('exit', killNow)
  const stop = async (): Promise<void> => {
    if (!isEnded()) {
      child.kill('SIGTERM')
      const impatience = setTimeout(killNow, stopMsMax)
      await ended
      clearTimeout(impatience)
    }
    process.off('exit', killNow)
  }
  try {
    await waitUntil(
      `${server.command} listens`,
      () => {
        if (isEnded()) throw new Error('it ended')
        return accepts(server.port)
      },
      { stallMs: startMsMax },
    )
  } catch (error) {
    await stop()
    throw new Error(`${server.command} did not start on port ${server.port}; it wrote: ${output}`, {
      cause: error,
    })
  }
  return { pid: child.pid ?? 0, stop }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('connect', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}
