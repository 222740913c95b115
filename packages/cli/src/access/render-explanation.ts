// An explanation for people: one line for each check, and what is granted.

import type { Explanation, Grant } from '@tidemark/hub'
import { escapeControls } from '../escape-controls.ts'

/** How it is shown. */
export interface Style {
  readonly hasColours: boolean
  /** Now, in milliseconds since 1970. */
  readonly now: number
}

const green = '\u001b[32m'
const red = '\u001b[31m'
const plain = '\u001b[0m'

/** A table with ✓ and ✗, the fix below what has not passed, and the grant. */
export function renderExplanation(explanation: Explanation, style: Style): string {
  const { checks, grant } = explanation
  const width = Math.max(0, ...checks.map(({ name }) => name.length))
  const indent = ' '.repeat(width + 4)
  const lines = checks.flatMap(({ name, isPassed, detail, fix, code }) => {
    const mark = paint(isPassed ? '✓' : '✗', isPassed ? green : red, style)
    const reason = code === undefined ? '' : ` (${escapeControls(code)})`
    return [
      `${mark} ${name.padEnd(width)}  ${escapeControls(detail)}${reason}`,
      ...(fix === undefined ? [] : [`${indent}Fix: ${escapeControls(fix)}`]),
    ]
  })
  return `${lines.join('\n')}\n${grant === undefined ? '' : `\n${renderGrant(grant, style)}`}`
}

function renderGrant(grant: Grant, { now }: Style): string {
  const { user, subscribe, publish, permissions, where, expiresAt } = grant
  return renderRows([
    ['user', user ?? 'nobody in particular'],
    ['may subscribe to', listNames(subscribe)],
    ['may publish to', listNames(publish)],
    ['permissions', listNames(permissions)],
    ...(where === undefined ? [] : [['of events with', describeWhere(where)] as const]),
    ['until', expiresAt === undefined ? 'no end' : describeTime(expiresAt, now)],
  ])
}

/** Names and values in two columns. */
export function renderRows(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...rows.map(([name]) => name.length))
  return rows
    .map(([name, text]) => `${escapeControls(name).padEnd(width)}  ${escapeControls(text)}\n`)
    .join('')
}

/** `2026-11-28T04:20:00.000Z, in 59 minutes`. */
export function describeTime(time: number, now: number): string {
  // The last date there is: a token may say any number.
  if (!(Math.abs(time) <= 8_640_000_000_000_000)) return String(time)
  const distance = describeDistance(Math.abs(time - now))
  return `${new Date(time).toISOString()}, ${time < now ? `${distance} ago` : `in ${distance}`}`
}

function describeDistance(ms: number): string {
  const units = [
    [86_400_000, 'day'],
    [3_600_000, 'hour'],
    [60_000, 'minute'],
    [1_000, 'second'],
  ] as const
  const [size, name] = units.find(([each]) => ms >= each) ?? [1_000, 'second']
  const count = Math.floor(ms / size)
  return `${count} ${name}${count === 1 ? '' : 's'}`
}

/** `region eu or us, tier gold` */
function describeWhere(where: NonNullable<Grant['where']>): string {
  const tags = Object.entries(where).map(
    ([name, values]) => `${name} ${[values].flat().join(' or ')}`,
  )
  return tags.join(', ')
}

function listNames(names: readonly string[] | undefined): string {
  return names === undefined || names.length === 0 ? 'nothing' : names.join(', ')
}

function paint(text: string, colour: string, { hasColours }: Style): string {
  return hasColours ? `${colour}${text}${plain}` : text
}
