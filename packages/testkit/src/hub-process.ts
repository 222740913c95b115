// A hub as it runs in earnest: a process of its own, which can be killed and started again on the
// same port and data.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { get as getPlainly } from 'node:http'
import { get as getSecurely } from 'node:https'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { isRunning, listChildren } from './proc/processes.ts'
import { waitUntil } from './wait-until.ts'

/** How to start a hub. */
export interface HubProcessOptions {
  /** Default: a free one. Give the old one to start a killed hub again. */
  readonly port?: number | undefined
  /**
   * Made when it does not exist; also the working directory, so that no stray configuration file is
   * found.
   */
  readonly dataDirectory: string
  /**
   * Further flags of `tidemark serve`, such as `['--heartbeat', '200ms']`. With `--tls-cert=…` or
   * `--tls=self-signed` it speaks TLS.
   */
  readonly args?: readonly string[] | undefined
  /** Further environment variables. The caller's own `TIDEMARK_…` are not passed on. */
  readonly env?: Readonly<Record<string, string>> | undefined
  /** How many files it, and each process it starts, may have open. Default: as many as this process. */
  readonly filesMax?: number | undefined
  /**
   * Whether it leads a process group of its own, so that a signal can be sent to it and all it has
   * started.
   */
  readonly isGroup?: boolean | undefined
  /** Called as soon as there is a process, for tests that kill it before it is ready. */
  readonly onSpawn?: ((hub: HubProcess) => void) | undefined
}

/** A running hub. */
export interface HubProcess {
  /** `http://127.0.0.1:…`, or `https://…`, without a slash at its end. */
  readonly url: string
  readonly port: number
  /** The process's number, for the system's own tools; undefined when it could not be started. */
  readonly pid: number | undefined
  /** The end of what it has written to standard output and error. */
  readonly output: string
  /** Whether the process has ended, however it came to that. */
  readonly isEnded: boolean
  /** The code it ended with; null while it runs, and when a signal ended it. */
  readonly exitCode: number | null
  /** Sends a signal; resolves when the process has ended. */
  kill(signal: NodeJS.Signals): Promise<void>
  /**
   * Ends it as an operator would, `SIGTERM`, and after 10 s without a word by force, with its
   * workers and a warning. Nothing happens when it has ended already.
   */
  stop(): Promise<void>
}

/**
 * How long a hub may say nothing while it starts, or ends. Milliseconds of a machine of its own, as
 * `waitUntil` counts them.
 */
const startMsMax = 20_000
const stopMsMax = 10_000
/**
 * Of one question whether it is ready: a probe that a busy machine answers late is better than one
 * that is asked anew.
 */
const probeMsMax = 20_000
const outputLengthMax = 16 * 1024

/** The program that `tidemark` starts. */
export const program: string = fileURLToPath(new URL('../../cli/dist/main.js', import.meta.url))

/**
 * Starts `tidemark serve` and resolves when it answers `GET /readyz` with 200.
 * Rejects with what the hub has written when it ends before that, or says nothing for 20 s of a machine of
 * its own.
 */
export async function startHubProcess(options: HubProcessOptions): Promise<HubProcess> {
  const port = options.port ?? (await findFreePort())
  mkdirSync(options.dataDirectory, { recursive: true })
  const { filesMax } = options
  const { execPath } = process
  const limiter = ['-c', `ulimit -n ${filesMax} && exec "$0" "$@"`, execPath]
  const [command, prefix] = filesMax === undefined ? [execPath, []] : ['sh', limiter]
  const child = spawn(
    command,
    [
      ...prefix,
      program,
      'serve',
      `--port=${port}`,
      `--data=${options.dataDirectory}`,
      ...(options.args ?? []),
    ],
    {
      cwd: options.dataDirectory,
      env: { ...cleanEnvironment(), ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: options.isGroup ?? false,
    },
  )
  const isTls = options.args?.some((flag) => /^--tls(?:-cert=|=self-signed$)/.test(flag)) ?? false
  const hub = new ChildHub(child, `${isTls ? 'https' : 'http'}://127.0.0.1:${port}`)
  options.onSpawn?.(hub)
  try {
    await waitUntil('the hub answers', () => hub.answers(), {
      watch: () => hub.written,
      stallMs: startMsMax,
    })
  } catch (error) {
    await hub.kill('SIGKILL')
    throw new Error(`The hub on port ${port} did not start; it wrote: ${hub.output}`, {
      cause: error,
    })
  }
  return hub
}

/**
 * Finds a port that nothing listens on, below the range of ports for outgoing connections (from
 * 32,768 on Linux). A client that keeps knocking while the hub is down could be given a port of
 * that range, the hub's own, and connect to itself.
 */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(10_240, 32_768)
    if (await isFree(port)) return port
  }
  throw new Error('Found no free port between 10,240 and 32,767 in 100 attempts.')
}

class ChildHub implements HubProcess {
  readonly url: string
  readonly port: number
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>
  /** Characters of output so far. */
  written = 0
  #output = ''

  constructor(child: ChildProcess, url: string) {
    this.#child = child
    this.url = url
    this.port = Number(new URL(url).port)
    this.#ended = once(child, 'close')
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8')
      stream?.on('data', (text: string) => {
        this.written += text.length
        this.#output = (this.#output + text).slice(-outputLengthMax)
      })
    }
    running.add(child)
    child.once('close', () => running.delete(child))
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get output(): string {
    return this.#output
  }

  get isEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  get exitCode(): number | null {
    return this.#child.exitCode
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    this.#child.kill(signal)
    await this.#ended
  }

  async stop(): Promise<void> {
    if (this.isEnded) return
    this.#child.kill('SIGTERM')
    try {
      await waitUntil('the hub ends', () => this.isEnded, {
        watch: () => this.written,
        stallMs: stopMsMax,
      })
    } catch {
      this.#killAll()
      process.emitWarning(
        `A hub did not end, and has said nothing for ${stopMsMax} ms; it has written: ${this.#output}`,
      )
    }
    await this.#ended
  }

  /** A worker that hangs would outlive its supervisor, and hold on to the pipes whose end is waited for. */
  #killAll(): void {
    const workers = this.pid === undefined ? [] : listChildren(this.pid)
    this.#child.kill('SIGKILL')
    for (const worker of workers.filter(isRunning)) process.kill(worker, 'SIGKILL')
  }

  async answers(): Promise<boolean> {
    if (this.isEnded) throw new Error(`The hub ended with exit code ${this.#child.exitCode}.`)
    return isReady(this.url)
  }
}

/** The server that answers at the port is taken for the hub, whatever its certificate says. */
function isReady(url: string): Promise<boolean> {
  const get = url.startsWith('https:') ? getSecurely : getPlainly
  return new Promise((resolve) => {
    const options = { rejectUnauthorized: false, timeout: probeMsMax, agent: false }
    const request = get(`${url}/readyz`, options, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.on('timeout', () => request.destroy())
    request.on('close', () => resolve(false))
    request.on('error', () => undefined)
  })
}

/** A test run that is cut short must not leave hubs behind. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** That of this process without its `TIDEMARK_…`. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith('TIDEMARK_')),
  )
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  try {
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return true
  } catch {
    return false
  } finally {
    server.close()
  }
}
