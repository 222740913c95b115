// The plan of the load generator, and the text it reads the plan from (`load/plan.h`).

import type { RunningPeer } from './server.ts'

/** Connections that subscribe. */
interface LoadGroup {
  readonly name: string
  readonly connections: number
  /** Connection i sends the request at i modulo their number; in cycles each time any of them. */
  readonly requests: readonly string[]
  /** How fast it reads; 0, the default, as fast as it can; -1 nothing after the head. */
  readonly bytesPerSecond?: number
  /** Bytes the kernel keeps for the reader. Default: the system decides, up to tcp_rmem. */
  readonly receiveBuffer?: number
  /**
   * False for streams the generator cannot read because they are compressed: only their bytes are
   * counted. Default true.
   */
  readonly isChecked?: boolean
}

/** Publishes at a fixed pace, whether answers come or not. */
interface LoadPublishing {
  /** Sent in turn. */
  readonly requests: readonly string[]
  readonly eventsPerSecond: number
  /** Events sent at once, every `burst / eventsPerSecond` seconds. Default 1. */
  readonly burst?: number
  /** Keep-alive connections. Default 1, which keeps events in order. */
  readonly connections?: number
}

/** One run of the generator. */
export interface LoadPlan {
  readonly peer: RunningPeer
  readonly groups: readonly LoadGroup[]
  readonly publishing?: LoadPublishing
  /** Publishing goes on, nothing is counted. Milliseconds. */
  readonly warmupMs: number
  readonly windowMs: number
  /** The longest wait for what is still on its way after the window. Default 3,000. Milliseconds. */
  readonly drainMs?: number
  /**
   * Connect and disconnect so often in place of staying, each after a random time up to `lifeMs`. With
   * `isFromAnswer` that time begins with the answer, so that each stream is answered.
   */
  readonly cycles?: {
    readonly count: number
    readonly lifeMs: number
    readonly isFromAnswer?: boolean
  }
}

/** Writes a plan as the generator reads it. Requests are bytes of one octet per character. */
export function renderPlan(plan: LoadPlan): string {
  const { peer, publishing, cycles } = plan
  const settings: readonly (readonly [name: string, value: number])[] = [
    ['port', peer.port],
    ['publish-port', peer.publishPort ?? peer.port],
    ['connects-per-second', peer.connectsPerSecond ?? 2_000],
    ['warmup-ms', plan.warmupMs],
    ['window-ms', plan.windowMs],
    ['drain-ms', plan.drainMs ?? 3_000],
    ['publishers', publishing?.connections ?? 1],
    ['events-per-second', publishing?.eventsPerSecond ?? 0],
    ['burst', publishing?.burst ?? 1],
    ['cycles', cycles?.count ?? 0],
    ['life-ms', cycles?.lifeMs ?? 0],
    ['life-from-answer', cycles?.isFromAnswer === true ? 1 : 0],
  ]
  return [
    ...settings.map(([name, value]) => `${name} ${value}\n`),
    ...plan.groups.map(renderGroup),
    ...(publishing?.requests ?? []).map((request) => `publish ${request.length}\n${request}\n`),
    'run\n',
  ].join('')
}

function renderGroup(group: LoadGroup): string {
  const { bytesPerSecond = 0, receiveBuffer = 0, isChecked = true } = group
  const numbers = [
    group.connections,
    bytesPerSecond,
    receiveBuffer,
    Number(isChecked),
    group.requests.length,
  ]
  const requests = group.requests.map((request) => `request ${request.length}\n${request}\n`)
  return `group ${group.name} ${numbers.join(' ')}\n${requests.join('')}`
}
