// The settings of a node, every default filled in.

import type { Clock, EventLog } from '@tidemark/log'
import type { Permit } from './request/authorize.ts'
import type { TopicSetTable } from './session/topic-set-table.ts'
import type { PackText } from './framing/packed.ts'
import type { FlushSettings } from './fan-out/fan-out.ts'
import type { ConfiguredRules } from './rules/node-rules.ts'
import type { NodeWatch } from './observer/node-watch.ts'
import type { Random } from './random.ts'
import type { Compress } from './session/sink.ts'

export interface NodeSettings {
  readonly log: EventLog
  /** The node has made its log itself, so that it closes it. */
  readonly ownsLog: boolean
  /** Undefined: everybody may everything. */
  readonly permit: Permit | undefined
  /** Session ids begin with it. */
  readonly nodeName: string
  /** Keeps topic sets that were changed on open streams, so that cursors lead back to them. */
  readonly topicSets: TopicSetTable
  readonly heartbeatMs: number
  readonly sessionsMax: number
  /** Of the topic sets of all sessions. */
  readonly topicSetsBytesMax: number
  readonly eventBytesMax: number
  /** Undefined: streams stay plain. */
  readonly compress: Compress | undefined
  /** Undefined: single events stay plain too. */
  readonly pack: PackText | undefined
  readonly flush: FlushSettings
  readonly stalledAfterMs: number
  /** The rules of the node's own configuration, by kind. */
  readonly rules: ConfiguredRules
  /** Of each session; `Infinity` without a bound. */
  readonly eventsPerSecondMax: number
  readonly clock: Clock
  readonly random: Random
  /** Told of errors no caller hears of; counts them, and tells the observer. */
  readonly onError: (error: unknown) => void
  /** Counts what happens, and tells the observer. */
  readonly watch: NodeWatch
}
