// Starts an installed `tidemark` on one version of Node, publishes an event, reads it back, and puts it
// under a little load.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync } from 'node:fs'
import { get, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { run } from './run-step.ts'

/** An installed program, and what to run it on. */
export interface Installed {
  /** Path of the Node binary. */
  readonly node: string
  /** Path of the program. */
  readonly program: string
  /** Where to run; the hub keeps its events in a folder here. */
  readonly directory: string
}

/** Each step takes under a second; what takes this long hangs. Milliseconds. */
const timeoutMs = 30_000

/**
 * Serves with so many workers, publishes, subscribes, with one worker is load-tested, and stops;
 * resolves to what went wrong, or to undefined.
 */
export async function smokeHub(installed: Installed, workers: number): Promise<string | undefined> {
  const { node, program, directory } = installed
  const data = mkdtempSync(join(directory, 'data-'))
  const args = [program, 'serve', '--port', '0', '--data', data, '--workers', String(workers)]
  const hub = spawn(node, args, {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  const ended = once(hub, 'close')
  let output = ''
  for (const stream of [hub.stdout, hub.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  }
  const url = await readUrl(hub, () => output)
  let fault = url === undefined ? 'it does not listen' : await useHub(installed, url)
  // Once is enough: what is looked at is the load tester, not the hub.
  if (url !== undefined && workers === 1) fault ??= await benchHub(installed, url)
  hub.kill('SIGTERM')
  const [code] = (await ended) as [number | null]
  if (fault !== undefined) return `${fault}\n${output}`
  return code === 0 ? undefined : `it ended with ${code}\n${output}`
}

/** The URL the hub prints once it listens; undefined when it ends before. */
function readUrl(hub: ChildProcess, output: () => string): Promise<string | undefined> {
  return new Promise((resolve) => {
    hub.stdout?.on('data', () => {
      const url = /Its page: (\S+)\/\n/.exec(output())?.[1]
      if (url !== undefined) resolve(url)
    })
    hub.once('close', () => resolve(undefined))
  })
}

async function useHub(
  { node, program, directory: cwd }: Installed,
  url: string,
): Promise<string | undefined> {
  const options = { cwd, timeoutMs }
  const publish = [program, 'publish', 'smoke/test', 'hello', '--url', url]
  const published = await run(node, publish, options)
  if (published.code !== 0) return `publish ended with ${published.code}: ${published.output}`
  const subscribe = [program, 'subscribe', 'smoke/*', '--since', 'earliest', '--count', '1']
  const read = await run(node, [...subscribe, '--json', '--url', url], options)
  if (read.code !== 0) return `subscribe ended with ${read.code}: ${read.output}`
  if (!read.output.includes('"hello"')) return `subscribe printed ${read.output}`
  return (await checkManyFields(url)) ?? checkTaken(url)
}

/**
 * The load tester brings files beside its code: the program of the processes that read, the page of the
 * report, and uPlot.
 */
async function benchHub(
  { node, program, directory: cwd }: Installed,
  url: string,
): Promise<string | undefined> {
  const report = join(mkdtempSync(join(cwd, 'bench-')), 'report.html')
  const load = ['--connections', '5', '--duration', '300ms', '--html', report]
  const { code, output } = await run(node, [program, 'bench', url, ...load], { cwd, timeoutMs })
  if (code !== 0) return `bench ended with ${code}: ${output}`
  if (!/opened +5 of 5\n/.test(output) || !/received +[1-9]/.test(output))
    return `bench printed ${output}`
  const page = readFileSync(report, 'utf8')
  return page.includes('uPlot') && page.includes('</html>')
    ? undefined
    : `the report of bench is not whole: it has ${page.length} characters`
}

/** Node 20 drops header fields beyond a number without a word, a publish's `Origin` and key among them. */
async function checkManyFields(url: string): Promise<string | undefined> {
  const headers = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`a${i}`, '1']))
  const publish = request(`${url}/topics/smoke`, { method: 'POST', headers })
  publish.end('x')
  const [response] = (await once(publish, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode === 431
    ? undefined
    : `a request of 2,000 header fields is answered with ${response.statusCode}`
}

/**
 * Streams take their connection from Node's HTTP server, and say so in their head. It rests on Node's
 * inside (see packages/server/src/node/take-connection.ts), so a version that is otherwise should be
 * noticed here.
 */
async function checkTaken(url: string): Promise<string | undefined> {
  const [response] = (await once(get(`${url}/events?topic=smoke`), 'response')) as [IncomingMessage]
  const { connection } = response.headers
  response.destroy()
  return connection === 'close'
    ? undefined
    : `streams keep their request and response: their head says Connection: ${connection}`
}
