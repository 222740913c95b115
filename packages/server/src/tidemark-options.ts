// How a node is made: every option, its default and its range.

import { memoryLog, systemClock } from '@tidemark/log'
import type { Clock, EventLog } from '@tidemark/log'
import { hasMethods } from '@tidemark/log/values'
import { quoteValue } from '@tidemark/wire/values'
import { createPermit } from './request/authorize.ts'
import type { Authorize } from './request/authorize.ts'
import { ServerError } from './errors.ts'
import type { FlushSettings } from './fan-out/fan-out.ts'
import { rememberPacked } from './framing/packed-texts.ts'
import * as limits from './limits.ts'
import { readObserver } from './observer/node-observer.ts'
import type { NodeObserver } from './observer/node-observer.ts'
import { NodeWatch } from './observer/node-watch.ts'
import { makeNodeName, systemRandom } from './random.ts'
import type { Random } from './random.ts'
import { readRange } from './read-range.ts'
import type { NodeSettings } from './node-settings.ts'
import { TopicSetLedger } from './session/topic-set-ledger.ts'
import { checkConfigured } from './rules/node-rules.ts'
import type { ConfiguredRules } from './rules/node-rules.ts'
import type { Compressors } from './session/sink.ts'

/** How a node is made. Everything has a default. */
export interface TidemarkOptions {
  /**
   * Keeps the events, and is shared by several nodes. The node never closes a log that it was given.
   * Default: a memory log of the node's own, which keeps 24 hours and 64 MiB, and ends with `close`.
   */
  readonly log?: EventLog | undefined
  /**
   * Says what the sender of a request may subscribe to, publish and read. Asked for each stream whose topics
   * the application has not chosen (`topics`), and for each publish and history that is told `by` whom.
   * `everyone`: nobody is asked, everybody may everything. Default: topics that a client chooses are refused
   * as `AUTHORIZE_MISSING`.
   */
  readonly authorize?: Authorize | 'everyone' | undefined
  /**
   * The name of this node among those that share its log: session ids begin with it. 1 to 32 of
   * `0-9 A-Z a-z - _`, and of no other node. Default: 8 characters by chance.
   */
  readonly nodeName?: string | undefined
  /** Milliseconds between two beats of a session. Default 15,000. */
  readonly heartbeatMs?: number | undefined
  /** Sessions of this node. Default 10,000; one more is refused as `FULL`. */
  readonly sessionsMax?: number | undefined
  /**
   * Bytes of memory for the topic sets of all sessions, each beyond its first 4 KiB. Sessions with the same
   * set count once. At least 4 MiB, the largest set. Default 256 MiB; a session whose set does not fit any
   * more is refused as `FULL`.
   */
  readonly topicSetsBytesMax?: number | undefined
  /** Bytes of one event's data. Default 1 MiB. */
  readonly eventBytesMax?: number | undefined
  /**
   * How long events wait for others before they are written together, in milliseconds, 0 to 100. Default
   * `adaptive`: not at all while the node is idle, longer the more writing costs, up to `flushWindowMaxMs`.
   */
  readonly flushWindowMs?: number | 'adaptive' | undefined
  /** The longest an adaptive window grows to, in milliseconds, 0 to 100. Default 20. */
  readonly flushWindowMaxMs?: number | undefined
  /** Events that wait, at which they are written early: 1 or more. Default 1,000. */
  readonly flushEventsMax?: number | undefined
  /**
   * Bytes of data that wait, at which events are written early: 1 or more. A flush is divided into blocks of
   * so many bytes, up to the event that passes them. Default 64 KiB.
   */
  readonly flushBytesMax?: number | undefined
  /**
   * How long a client may take nothing before its session is closed with `tidemark.bye`, in milliseconds, 100
   * to 86,400,000. Default 300,000. The client resumes exactly when it comes back.
   */
  readonly stalledAfterMs?: number | undefined
  /**
   * The rules for topics, a list for each kind. The first rule that matches a topic decides. All nodes of a
   * log follow the same rules. A list that differs from the one configured last is put in force for all
   * nodes. It holds until `tide.rules` or another configuration changes it. Default of each kind: the list
   * that others have configured; where there is none, no rule.
   */
  readonly rules?: ConfiguredRules | undefined
  /**
   * Events per second of one session, 1 to 1,000,000. Further events come later, or as `rules.lag` says.
   * Default: no bound.
   */
  readonly eventsPerSecondMax?: number | undefined
  /**
   * Whether streams are compressed (gzip) for clients that accept it, once per flush for all of them. Single
   * events are, likewise, for clients that ask for it. Default true. A response of Node's that middleware has
   * wrapped stays plain. `tide.fetch` compresses streams only if its options ask for it, and no single
   * events. A node of `@tidemark/server/fetch` never does, because it has no `node:zlib`.
   */
  readonly compression?: boolean | undefined
  /** Told of errors that no caller gets, such as a log that failed in a replay. Default: they are dropped. */
  readonly onError?: ((error: unknown) => void) | undefined
  /** Told of each thing that happens on the node; see {@link NodeObserver}. Default: none, at no cost. */
  readonly observer?: NodeObserver | undefined
  /** Default: the machine's. */
  readonly clock?: Clock | undefined
  /** Default: the platform's cryptographic generator. */
  readonly random?: Random | undefined
}

/**
 * Checks options and fills in what is left out. `compressors` are what the runtime has for `compression`.
 * @throws ServerError `OPTION_INVALID`
 */
export function readOptions(given: TidemarkOptions = {}, compressors?: Compressors): NodeSettings {
  const options = copyOptions(given)
  checkTypes(options)
  const { authorize, clock = systemClock, random = systemRandom } = options
  const listeners = readObserver(options.observer)
  const watch = new NodeWatch({ clock, listeners, onError: ignoreThrown(options.onError) })
  const onError = watch.failed
  const log = options.log ?? createLog(options.clock)
  const isCompressing = options.compression ?? true
  return {
    log,
    ownsLog: options.log === undefined,
    permit: createPermit(authorize, { onError, clock }),
    topicSets: new TopicSetLedger({ log, clock, onError }),
    nodeName: options.nodeName ?? makeNodeName(random),
    heartbeatMs: readRange(
      { heartbeatMs: options.heartbeatMs ?? limits.heartbeatMs },
      limits.heartbeatRangeMs,
    ),
    sessionsMax: readRange(
      { sessionsMax: options.sessionsMax ?? limits.sessionsMax },
      { from: 0, to: Number.MAX_SAFE_INTEGER },
    ),
    topicSetsBytesMax: readRange(
      { topicSetsBytesMax: options.topicSetsBytesMax ?? limits.topicSetsBytesMax },
      { from: limits.topicSetsBytesMin, to: Number.MAX_SAFE_INTEGER },
    ),
    eventBytesMax: readRange(
      { eventBytesMax: options.eventBytesMax ?? limits.eventBytesMax },
      atLeastOne,
    ),
    compress: isCompressing ? compressors?.compress : undefined,
    pack: isCompressing ? rememberPacked(compressors?.pack) : undefined,
    flush: readFlushSettings(options),
    stalledAfterMs: readRange(
      { stalledAfterMs: options.stalledAfterMs ?? limits.stalledAfterMs },
      limits.stalledAfterRangeMs,
    ),
    rules: checkConfigured(options.rules ?? {}),
    eventsPerSecondMax:
      options.eventsPerSecondMax === undefined
        ? Infinity
        : readRange(
            { eventsPerSecondMax: options.eventsPerSecondMax },
            limits.eventsPerSecondRange,
          ),
    onError,
    watch,
    clock,
    random,
  }
}

function readFlushSettings(options: TidemarkOptions): FlushSettings {
  const { flushWindowMs = 'adaptive' } = options
  const window = { from: 0, to: limits.flushWindowLimitMs }
  return {
    fixedMs: flushWindowMs === 'adaptive' ? undefined : readRange({ flushWindowMs }, window),
    maxMs: readRange(
      { flushWindowMaxMs: options.flushWindowMaxMs ?? limits.flushWindowMaxMs },
      window,
    ),
    eventsMax: readRange(
      { flushEventsMax: options.flushEventsMax ?? limits.flushEventsMax },
      atLeastOne,
    ),
    bytesMax: readRange(
      { flushBytesMax: options.flushBytesMax ?? limits.flushBytesMax },
      atLeastOne,
    ),
  }
}

/**
 * The log of a node that was given none. The log keeps little, because an application that has not asked for
 * a log must not find its memory full.
 */
function createLog(clock: Clock | undefined): EventLog {
  return memoryLog({ clock, retention: { maxBytes: limits.ownLogBytesMax } })
}

/** Each option once, so that what is checked is what is used. */
function copyOptions(options: TidemarkOptions): TidemarkOptions {
  if (typeof options !== 'object' || options === null) {
    throw invalid('The options of a node are an object such as { log: memoryLog() }', options)
  }
  try {
    return { ...options }
  } catch (cause) {
    throw new ServerError('OPTION_INVALID', 'An option of the node throws when it is read.', {
      cause,
    })
  }
}

/** Checks the options that are no numbers; numbers are checked with their ranges. */
function checkTypes({
  log,
  authorize,
  compression,
  onError,
  clock,
  random,
  nodeName,
}: TidemarkOptions): void {
  if (log !== undefined && !hasMethods(log, ['append', 'read', 'tail', 'locate', 'bounds'])) {
    const hint = hasMethods(log, ['then']) ? 'a promise: await openLmdbLog(…) first' : undefined
    throw invalid('log must be a log, such as memoryLog() of @tidemark/log', log, hint)
  }
  if (authorize !== undefined && authorize !== 'everyone' && typeof authorize !== 'function')
    throw invalid("authorize must be a function that gives a grant, or 'everyone'", authorize)
  if (compression !== undefined && typeof compression !== 'boolean')
    throw invalid('compression must be true or false', compression)
  if (onError !== undefined && typeof onError !== 'function')
    throw invalid('onError must be a function', onError)
  if (clock !== undefined && !hasMethods(clock, ['now', 'elapsed', 'after']))
    throw invalid('clock must have the functions now, elapsed and after', clock)
  if (random !== undefined && typeof random !== 'function')
    throw invalid('random must be a function that gives numbers from 0 to below 1', random)
  if (nodeName !== undefined && !isNodeName(nodeName)) {
    const wanted = `nodeName must be 1 to ${limits.nodeNameCharactersMax} of 0-9, A-Z, a-z, - and _`
    throw invalid(wanted, nodeName)
  }
}

function invalid(wanted: string, got: unknown, hint: string = quoteValue(got)): ServerError {
  return new ServerError('OPTION_INVALID', `${wanted}; got ${hint}.`)
}

function isNodeName(name: unknown): boolean {
  const isPlain = typeof name === 'string' && /^[0-9A-Za-z_-]+$/.test(name)
  return isPlain && name.length <= limits.nodeNameCharactersMax
}

const atLeastOne = { from: 1, to: Number.MAX_SAFE_INTEGER }

/** An error of the application's own handler must not cost other sessions their events. */
function ignoreThrown(onError: TidemarkOptions['onError']): (error: unknown) => void {
  return (error) => {
    try {
      onError?.(error)
    } catch {
      // Nobody is left to be told.
    }
  }
}
