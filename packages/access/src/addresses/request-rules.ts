// Rules that requests are held to besides their address: what browsers and libraries send, and scripts that
// try doors often do not. They stop nobody who knows them. They keep logs quiet, and show whom to look at.

import { AccessError } from '../errors.ts'
import { userAgentCharactersMin } from '../limits.ts'
import type { SuspicionKind } from './suspects.ts'

/** Off, counted and told to the operator, or refused as well. */
export type RuleMode = 'log' | 'off' | 'refuse'

export interface RequestRules {
  /** `User-Agent` and `Accept` must be there. */
  readonly headers: RuleMode
  /** `User-Agent` has 10 characters at least, and does not name itself a bot, a crawler or a script. */
  readonly userAgent: RuleMode
}

/** A rule that a request breaks. */
export interface BrokenRule {
  readonly kind: Exclude<SuspicionKind, 'refused'>
  readonly mode: 'log' | 'refuse'
  /** Says what is wrong, and the way out. */
  readonly detail: string
}

const requiredHeaders = ['user-agent', 'accept']
const robotNames = ['bot', 'crawler', 'script']

/** The first rule that a request breaks, one that refuses before one that does not. */
export function findBrokenRule(
  header: (name: string) => string | undefined,
  { headers, userAgent }: RequestRules,
): BrokenRule | undefined {
  const broken: BrokenRule[] = []
  if (headers !== 'off') {
    const missing = requiredHeaders.find((name) => (header(name) ?? '').trim() === '')
    if (missing !== undefined) {
      const detail = `A request brings ${requiredHeaders.join(' and ')}; this one has no ${missing}. Send it.`
      broken.push({ kind: 'missing-header', mode: headers, detail })
    }
  }
  const agent = header('user-agent') ?? ''
  if (userAgent !== 'off' && agent !== '') {
    const detail = judgeAgent(agent)
    if (detail !== undefined) broken.push({ kind: 'user-agent', mode: userAgent, detail })
  }
  return broken.find(({ mode }) => mode === 'refuse') ?? broken[0]
}

/** @throws AccessError `REQUEST_SUSPICIOUS` */
export function refuseBroken({ detail }: BrokenRule): never {
  throw new AccessError('REQUEST_SUSPICIOUS', detail)
}

function judgeAgent(agent: string): string | undefined {
  if (agent.length < userAgentCharactersMin) {
    return `A user-agent has ${userAgentCharactersMin} characters at least; this one has ${agent.length}. Name your program and its version.`
  }
  const lower = agent.toLowerCase()
  const name = robotNames.find((word) => lower.includes(word))
  if (name === undefined) return undefined
  return `The user-agent says "${name}", which is not let in here. Ask the operator, or name your program.`
}
