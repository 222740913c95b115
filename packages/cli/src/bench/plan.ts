// Options to a plan: everything a run does, checked.

import { randomBytes } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { quote } from '@tidemark/wire/values'
import type { CommandLine } from '../command.ts'
import { lastValue } from '../command.ts'
import { CliError } from '../errors.ts'
import { parseHeader, readHeaders, urlDefault } from '../hub-options.ts'
import * as limits from './limits.ts'
import { readBytes, readDuration, readRate, readWhole, renderDuration } from './quantities.ts'
import { hasPlaceholder } from './target.ts'
import type { PublishTarget, Target } from './target.ts'

/** How much of everything. */
export interface Sizes {
  readonly connections: number
  readonly rampMs: number
  readonly durationMs: number
  readonly topics: number
  /** Publishes per second over all topics; 0 publishes nothing. */
  readonly rate: number
  readonly payloadBytes: number
  readonly processes: number
}

/** The load of a run. Plain data: it is handed to other processes. */
export interface Plan extends Sizes {
  /** Marks this run's topics and events. */
  readonly runId: string
  readonly target: Target
}

/** Where the result of a run goes. */
export interface Output {
  readonly reportEveryMs: number
  readonly isJson: boolean
  /** Where the page goes; undefined without one. */
  readonly htmlPath: string | undefined
  /** The server's process; undefined looks for it. */
  readonly pid: number | undefined
}

/**
 * Reads the command line.
 * @throws CliError `ARGUMENT_INVALID`, `OPTION_INVALID`
 */
export function readPlan(line: CommandLine): Plan {
  const [given, extra] = line.positionals
  if (extra !== undefined) {
    throw new CliError(
      'ARGUMENT_INVALID',
      `bench takes one URL; got ${quote(extra)} too. Put quotes around a URL with & in it.`,
    )
  }
  const connections = readWhole(line, 'connections', limits.connectionsRange)
  const topics = readWhole(line, 'topics', limits.topicsRange)
  if (topics > connections) {
    throw new CliError(
      'OPTION_INVALID',
      `--topics must be at most the number of connections, ${connections}; got ${topics}. A topic without a connection tests nothing.`,
    )
  }
  const target = readTarget(line, given ?? (process.env['TIDEMARK_URL'] || urlDefault))
  checkPlaceholders(target, topics)
  const rate = readRate(line, 'rate', limits.rateRange)
  if (target.publish === undefined && line.values.has('rate') && rate > 0) {
    throw new CliError(
      'OPTION_INVALID',
      '--rate needs --publish-url: where to publish is known of a hub only. Give it, or leave --rate out to count what the server sends by itself.',
    )
  }
  return {
    runId: randomBytes(4).toString('hex'),
    target: rate === 0 ? { ...target, publish: undefined } : target,
    connections,
    rampMs: readRamp(line, connections),
    durationMs: readDuration(line, 'duration', limits.durationRange),
    topics,
    rate: target.publish === undefined ? 0 : rate,
    payloadBytes: readBytes(line, 'payload', limits.payloadRange),
    processes: Math.min(
      connections,
      line.values.has('processes')
        ? readWhole(line, 'processes', limits.processesRange)
        : Math.min(availableParallelism(), 2),
    ),
  }
}

/**
 * Reads what to do with the result.
 * @throws CliError `OPTION_INVALID`
 */
export function readOutput(line: CommandLine): Output {
  return {
    reportEveryMs: readDuration(line, 'report-every', limits.reportEveryRange),
    isJson: line.values.has('json'),
    htmlPath: lastValue(line, 'html'),
    pid: line.values.has('pid') ? readWhole(line, 'pid', limits.pidRange) : undefined,
  }
}

function readRamp(line: CommandLine, connections: number): number {
  const rampMs = readDuration(line, 'ramp', limits.rampRange)
  if (connections * rampMs <= limits.openingMsMax) return rampMs
  const max = Math.floor(limits.openingMsMax / connections)
  throw new CliError(
    'OPTION_INVALID',
    `--connections times --ramp must be at most ${renderDuration(limits.openingMsMax)}, in which all are opened; got ${connections} and ${renderDuration(rampMs)}. For that many, --ramp may be up to ${renderDuration(max)}.`,
  )
}

/** They say how to publish, not where. */
const publishOptions = ['publish-method', 'publish-header', 'publish-body'] as const

function readTarget(line: CommandLine, text: string): Target {
  const url = parseUrl(text, 'The URL')
  const headers = readHeaders(line)
  const isHub = url.pathname === '/' && url.search === ''
  const publishUrl = lastValue(line, 'publish-url')
  if (isHub && publishUrl === undefined) {
    return {
      url: url.origin,
      isHub,
      streamUrl: `${url.origin}/events?topic={topic}`,
      // Without this, a passing refusal is a stream that ends with a goodbye; with it, a status and the
      // reason.
      streamHeaders: [['Accept', 'text/event-stream, application/problem+json'], ...headers],
      publish: readPublish(line, `${url.origin}/topics/{topic}`, headers),
    }
  }
  const needless = publishOptions.find((name) => line.values.has(name))
  if (publishUrl === undefined && needless !== undefined) {
    throw new CliError(
      'OPTION_INVALID',
      `--${needless} needs --publish-url: where to publish is known of a hub only. Give it, or leave --${needless} out.`,
    )
  }
  return {
    url: text,
    isHub: false,
    streamUrl: text,
    streamHeaders: headers,
    publish: publishUrl === undefined ? undefined : readPublish(line, publishUrl, headers),
  }
}

function readPublish(
  line: CommandLine,
  url: string,
  headers: PublishTarget['headers'],
): PublishTarget {
  parseUrl(url, '--publish-url')
  const method = lastValue(line, 'publish-method') ?? 'POST'
  if (!/^[A-Z]{1,20}$/.test(method)) {
    throw new CliError(
      'OPTION_INVALID',
      `--publish-method must be like POST or PUT; got ${quote(method)}.`,
    )
  }
  const body = lastValue(line, 'publish-body') ?? '{payload}'
  if (!hasPlaceholder(body, 'payload')) {
    throw new CliError(
      'OPTION_INVALID',
      `--publish-body must hold {payload}, where the event's data goes; got ${quote(body)}.`,
    )
  }
  const own = (line.values.get('publish-header') ?? []).map((text) =>
    parseHeader(text, 'publish-header'),
  )
  const names = new Set(own.map(([name]) => name.toLowerCase()))
  const shared = headers.filter(([name]) => !names.has(name.toLowerCase()))
  return { url, method, body, headers: [...shared, ...own] }
}

function checkPlaceholders({ streamUrl, publish }: Target, topics: number): void {
  if (topics === 1) return
  if (!hasPlaceholder(streamUrl, 'topic') && !hasPlaceholder(streamUrl, 'i')) {
    throw new CliError(
      'OPTION_INVALID',
      `--topics ${topics} needs {topic} in the URL where the topic's name goes; got ${quote(streamUrl)}.`,
    )
  }
  if (publish === undefined) return
  if (!hasPlaceholder(publish.url, 'topic') && !hasPlaceholder(publish.body, 'topic')) {
    throw new CliError(
      'OPTION_INVALID',
      `--topics ${topics} needs {topic} in --publish-url or --publish-body; got ${quote(publish.url)}.`,
    )
  }
}

function parseUrl(text: string, what: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new CliError(
      'OPTION_INVALID',
      `${what} must begin with http:// or https://, like ${urlDefault}; got ${quote(text)}.`,
    )
  }
  if (url.username === '' && url.password === '') return url
  // A password is not repeated on the screen.
  throw new CliError(
    'OPTION_INVALID',
    `${what} must not hold a user name or password. Send them with --header 'Authorization: Basic …'.`,
  )
}
