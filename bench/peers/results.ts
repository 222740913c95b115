// The measurements: every round as it was, kept below artifacts/, and medians, ratios and verdicts
// made from it.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rootFolder } from '../../tools/read-rooms.ts'
import { median } from '../support/statistics.ts'
import type { Figures, Goal } from './workload.ts'

/** One measurement, or why there is none. */
export type Round = { readonly figures: Figures } | { readonly failure: string }

/** All rounds of one contender. */
export interface ContenderResult {
  readonly name: string
  readonly rounds: readonly Round[]
}

/** One piece of work as it was measured last. */
export interface WorkResult {
  readonly date: string
  readonly command: string
  /** Seconds of the measuring window. */
  readonly seconds: number
  readonly contenders: readonly ContenderResult[]
}

/** A server as it took part, or why it did not. */
export interface ServerResult {
  readonly name: string
  readonly version?: string
  readonly settings?: string
  readonly missing?: string
}

/** Everything the page is made from. */
export interface Results {
  readonly machine: string
  readonly servers: readonly ServerResult[]
  /** By the name of the workload. */
  readonly works: Readonly<Record<string, WorkResult>>
}

export const resultsFolder: string = join(rootFolder, 'artifacts/peers')
const resultsFile = join(resultsFolder, 'results.json')

/** Results of earlier runs, so that work can be measured piece by piece. */
export function loadResults(): Results {
  if (!existsSync(resultsFile)) return { machine: '', servers: [], works: {} }
  return JSON.parse(readFileSync(resultsFile, 'utf8')) as Results
}

export function saveResults(results: Results): void {
  mkdirSync(resultsFolder, { recursive: true })
  writeFileSync(resultsFile, `${JSON.stringify(results, null, 2)}\n`)
}

/** The median over the rounds that did not fail; undefined when there is none. */
export function medianOf({ rounds }: ContenderResult, figure: string): number | undefined {
  const values = rounds.flatMap((round) => valueOf(round, figure) ?? [])
  return values.length === 0 ? undefined : median(values)
}

/** The median over rounds of ours divided by theirs, each within one round. */
export function ratioOf(
  ours: ContenderResult,
  theirs: ContenderResult,
  figure: string,
): number | undefined {
  const ratios = ours.rounds.flatMap((round, index) => {
    const mine = valueOf(round, figure)
    const other = valueOf(theirs.rounds[index], figure)
    return mine === undefined || other === undefined ? [] : mine / other
  })
  return ratios.length === 0 ? undefined : median(ratios)
}

/** How far a goal was reached. */
export interface Verdict {
  readonly goal: Goal
  /** Undefined when one of the two was not measured. */
  readonly value: number | undefined
  readonly isReached: boolean | undefined
}

export function judge(goal: Goal, { contenders }: WorkResult): Verdict {
  const find = (name: string) => contenders.find((contender) => contender.name === name)
  const ours = find(goal.of)
  const theirs = goal.against === undefined ? undefined : find(goal.against)
  let value: number | undefined
  if (ours !== undefined && goal.against === undefined) value = medianOf(ours, goal.figure)
  if (ours !== undefined && theirs !== undefined) value = ratioOf(ours, theirs, goal.figure)
  return { goal, value, isReached: value === undefined ? undefined : isWithin(value, goal) }
}

function isWithin(value: number, { atMost, atLeast }: Goal): boolean {
  return (atMost === undefined || value <= atMost) && (atLeast === undefined || value >= atLeast)
}

function valueOf(round: Round | undefined, figure: string): number | undefined {
  if (round === undefined || 'failure' in round) return undefined
  const value: unknown = round.figures[figure]
  // JSON has no NaN: what could not be measured comes back as null.
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}
