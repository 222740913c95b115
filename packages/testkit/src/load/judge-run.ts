// The verdict on a whole run: the log against what was published, then every subscriber against the log.

import { comparePositions } from '@tidemark/log'
import type { Position } from '@tidemark/log'
import type { ReceivedEvent } from '../traffic/history.ts'
import { judge } from '../traffic/judge.ts'
import { matchesAny } from '../traffic/matches-any.ts'
import type { Publisher } from '../traffic/publisher.ts'
import type { LoadFigures } from './figures.ts'
import { judgeStream } from './judge-stream.ts'
import type { JudgedLog, LagRule, StreamVerdict } from './judge-stream.ts'
import { judgeChapters } from './judge-chapters.ts'
import type { LoadSubscriber } from './load-subscriber.ts'
import { canFallBehind } from './plan.ts'
import type { Scenario } from './scenario.ts'

export interface LoadViolation {
  /** Whose; `log` when what is stored is not what was published, `run` when it is about the whole. */
  readonly subscriber: string
  readonly text: string
}

export interface JudgedRun {
  readonly publishers: readonly Publisher[]
  readonly subscribers: readonly LoadSubscriber[]
  /** The subscriber that has read the whole log after it was over. */
  readonly latecomer: LoadSubscriber
  /** Where the log ends. */
  readonly final: Position
  readonly scenario: Scenario
}

export interface RunVerdict {
  readonly violations: readonly LoadViolation[]
  /** Events that the rules for laggards have left out, for all subscribers together. */
  readonly spared: number
}

/** Every violation of a run that has settled. */
export function judgeRun(run: JudgedRun): RunVerdict {
  const { latecomer, subscribers } = run
  for (const [index, event] of latecomer.received.entries()) event.index = index
  if (!isLevel(latecomer, run.final)) {
    // Events that it does not hold cannot be held against others.
    const text = 'never got level with the last event, so that the log is not known'
    return { violations: [{ subscriber: 'latecomer', text }, ...judgeLog(run)], spared: 0 }
  }
  const log: JudgedLog = { events: latecomer.received, ruleOf: (topic) => ruleOf(run, topic) }
  const verdicts = subscribers
    .filter(({ plan }) => plan.habit !== 'never')
    .map((subscriber) => judgeSubscriber(subscriber, log, run))
  return {
    violations: [...judgeLog(run), ...verdicts.flatMap(({ violations }) => violations)],
    spared: verdicts.reduce((sum, { spared }) => sum + spared, 0),
  }
}

/** A run in which nothing happened would keep every promise. */
export function judgeFigures(scenario: Scenario, figures: LoadFigures): readonly LoadViolation[] {
  const { atLeast, memoryGrowthMax = Number.POSITIVE_INFINITY } = scenario
  const names = Object.keys(atLeast) as (keyof LoadFigures)[]
  const texts = names
    .filter((name) => figures[name] < (atLeast[name] ?? 0))
    .map((name) => `shows nothing: ${name} ${figures[name]}, wanted ${atLeast[name]} at least`)
  if (figures.memoryGrowth > memoryGrowthMax) {
    texts.push(`the hub's memory grew by ${figures.memoryGrowth} bytes, not ${memoryGrowthMax}`)
  }
  return texts.map((text) => ({ subscriber: 'run', text }))
}

/**
 * The log must hold what was published: all that was acknowledged, each once, in the order of each
 * publisher.
 */
function judgeLog({ publishers, latecomer }: JudgedRun): LoadViolation[] {
  const events: ReceivedEvent[] = latecomer.received.map((event) => ({
    ...event,
    cursor: event.cursor ?? '',
  }))
  const { gaps, faults, plan } = latecomer
  const violations = judge({
    attempts: publishers.flatMap(({ attempts }) => attempts),
    receptions: [
      {
        subscriber: plan.name,
        topics: plan.topics,
        isBatched: false,
        events,
        gaps: gaps.map((gap) => JSON.stringify(gap)),
        faults,
      },
    ],
  })
  return violations.map(({ kind, text }) => ({ subscriber: 'log', text: `${kind}: ${text}` }))
}

function judgeSubscriber(
  subscriber: LoadSubscriber,
  log: JudgedLog,
  { final, scenario }: JudgedRun,
): RunVerdict {
  const { plan, faults, byes, changer } = subscriber
  const canLag = scenario.eventsPerSecondMax !== undefined || canFallBehind(plan)
  const isThere = isLevel(subscriber, final)
  // A subscriber that is still behind has lost nothing by that; holes in its events are another fault.
  const end = isThere ? undefined : (subscriber.position ?? subscriber.start)
  const { violations, spared } = judgeReception(subscriber, { end, canLag }, log)
  const isAllowed = (reason: string): boolean =>
    scenario.byeReasons?.includes(reason) === true && (canLag || reason !== 'lagging')
  const texts = [
    ...faults,
    ...(changer?.faults ?? []),
    ...(changer?.chapters.isOwed === true ? ['was never told of a change that is made'] : []),
    ...(isThere ? [] : ['never got level with the last event']),
    ...violations,
    ...byes.filter((reason) => !isAllowed(reason)).map((reason) => `was sent away: ${reason}`),
  ]
  return { violations: texts.map((text) => ({ subscriber: plan.name, text })), spared }
}

function judgeReception(
  { changer, reception }: LoadSubscriber,
  { end, canLag }: { readonly end: Position | undefined; readonly canLag: boolean },
  log: JudgedLog,
): StreamVerdict {
  if (changer === undefined) return judgeStream({ ...reception, end, canLag }, log)
  const { list: chapters } = changer.chapters
  return { violations: judgeChapters({ ...reception, chapters, end }, log.events), spared: 0 }
}

function ruleOf({ scenario }: JudgedRun, topic: string): LagRule {
  const rules = scenario.rules ?? []
  return rules.find(({ pattern }) => matchesAny([pattern], topic))?.whenLagging ?? 'delay'
}

/** Whether a subscriber has come as far as the last event, and was told all that it must be told. */
export function isLevel({ position, changer }: LoadSubscriber, final: Position): boolean {
  if (changer?.isReplaying === true || changer?.chapters.isOwed === true) return false
  return position !== undefined && comparePositions(position, final) >= 0
}
