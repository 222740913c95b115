// Hubs of a test file: each with a data directory of its own, all gone when the file is done.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startHubProcess } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'

interface Page {
  readonly records: readonly { readonly cursor: string; readonly data: string }[]
  readonly next: string
}

/** A hub that can be ended and started again on the same port and data. */
export class TestHub {
  readonly dataDirectory: string
  readonly #args: readonly string[]
  #process: HubProcess

  private constructor(process: HubProcess, dataDirectory: string, args: readonly string[]) {
    this.#process = process
    this.dataDirectory = dataDirectory
    this.#args = args
  }

  static async start(...args: string[]): Promise<TestHub> {
    const dataDirectory = await mkdtemp(join(tmpdir(), 'tidemark-browser-'))
    const process = await startHubProcess({ dataDirectory, args })
    return new TestHub(process, dataDirectory, args)
  }

  get url(): string {
    return this.#process.url
  }

  kill(signal: NodeJS.Signals): Promise<void> {
    return this.#process.kill(signal)
  }

  async startAgain(): Promise<void> {
    const { port } = this.#process
    this.#process = await startHubProcess({
      port,
      dataDirectory: this.dataDirectory,
      args: this.#args,
    })
  }

  /** Forgets every event, as a new disk would. Only while the hub is away. */
  async forgetData(): Promise<void> {
    await rm(this.dataDirectory, { recursive: true })
  }

  /** Does something by way of another hub process on the same data, while this one is away. */
  async byAnotherPort(act: (url: string) => Promise<void>): Promise<void> {
    const { dataDirectory } = this
    const other = await startHubProcess({ dataDirectory, args: this.#args })
    try {
      await act(other.url)
    } finally {
      await other.stop()
    }
  }

  async remove(): Promise<void> {
    await this.#process.stop()
    await rm(this.dataDirectory, { recursive: true, force: true })
  }
}

/** Publishes one event and answers its cursor. */
export async function publish(url: string, topic: string, data: string): Promise<string> {
  return readCursor(await fetch(`${url}/topics/${topic}`, { method: 'POST', body: data }))
}

/** Publishes events to topics in turn, as NDJSON, 10,000 per request. */
export async function publishMany(
  url: string,
  topics: readonly string[],
  data: readonly string[],
): Promise<void> {
  for (let from = 0; from < data.length; from += 10_000) {
    const lines = data
      .slice(from, from + 10_000)
      .map((text, i) => JSON.stringify({ topic: topics[i % topics.length], data: text }))
    await readCursor(
      await fetch(`${url}/publish`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body: lines.join('\n'),
      }),
    )
  }
}

/** Everything a topic still holds. */
export async function readTopic(url: string, topic: string): Promise<readonly string[]> {
  const data: string[] = []
  let query = 'limit=1000'
  for (;;) {
    const response = await fetch(`${url}/topics/${topic}?${query}`)
    const { records, next } = (await response.json()) as Page
    if (records.length === 0) return data
    data.push(...records.map((record) => record.data))
    query = `limit=1000&after=${next}`
  }
}

async function readCursor(response: Response): Promise<string> {
  const text = await response.text()
  if (!response.ok) throw new Error(`The hub answered ${response.status}: ${text}`)
  return (JSON.parse(text) as { cursor: string }).cursor
}
