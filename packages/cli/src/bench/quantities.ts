// Numbers, durations and sizes of the command line, each within its range.

import { parseDuration, parseSize } from '@tidemark/hub'
import { quote } from '@tidemark/wire/values'
import type { CommandLine } from '../command.ts'
import { lastValue } from '../command.ts'
import { CliError } from '../errors.ts'
import type { Range } from './limits.ts'
import { benchDefaults } from './options.ts'

/** A whole number. */
export function readWhole(line: CommandLine, name: string, { min, max }: Range): number {
  const text = textOf(line, name)
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw outOfRange(name, `a whole number from ${min} to ${max}`, text)
}

/** A number that may have a fraction. */
export function readRate(line: CommandLine, name: string, { min, max }: Range): number {
  const text = textOf(line, name)
  const value = /^\d{1,15}(\.\d{1,6})?$/.test(text) ? Number(text) : Number.NaN
  if (value >= min && value <= max) return value
  throw outOfRange(name, `a number from ${min} to ${max}`, text)
}

/** Milliseconds of `10ms`, `30s`, `5m`; `0` needs no unit. */
export function readDuration(line: CommandLine, name: string, { min, max }: Range): number {
  const text = textOf(line, name)
  const value = text === '0' ? 0 : parseDuration(text)
  if (value !== undefined && value >= min && value <= max) return value
  const range = `${renderDuration(min)} to ${renderDuration(max)}`
  throw outOfRange(name, `a duration from ${range}, like ${benchDefaults[name] ?? '10s'}`, text)
}

/** Bytes of `128` or `1KiB`. */
export function readBytes(line: CommandLine, name: string, { min, max }: Range): number {
  const text = textOf(line, name)
  const value = parseSize(/^\d+$/.test(text) ? `${text}B` : text)
  if (value !== undefined && value >= min && value <= max) return value
  throw outOfRange(name, `${min} to ${max} bytes, like 128 or 1KiB`, text)
}

function textOf(line: CommandLine, name: string): string {
  return (lastValue(line, name) ?? benchDefaults[name] ?? '').trim()
}

/** The shortest text that `readDuration` reads as this. */
export function renderDuration(ms: number): string {
  if (ms === 0) return '0'
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000}h`
  if (ms % 60_000 === 0) return `${ms / 60_000}m`
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`
}

function outOfRange(name: string, wanted: string, text: string): CliError {
  return new CliError('OPTION_INVALID', `--${name} must be ${wanted}; got ${quote(text)}.`)
}
