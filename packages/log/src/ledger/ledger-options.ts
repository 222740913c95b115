// The options of a ledger, checked, with the defaults filled in.

import {
  drawRandomBytes,
  invalidOption,
  requireClock,
  requireFunction,
  throwUncaught,
} from '../check-option.ts'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { LogError } from '../errors.ts'
import type { EventLog } from '../event-log.ts'
import { ledgerNameLengthMax } from '../limits.ts'
import { requirePosition } from '../position.ts'
import { quoteValue } from '../quote.ts'
import { hasMethods, readList, readMembers } from '../read-members.ts'
import type { EntryOptions, LedgerCodec, LedgerOptions, Moment, NewEntry } from './ledger.ts'

export interface CheckedOptions<Value> {
  readonly codec: LedgerOptions<Value>['codec']
  readonly clock: Clock
  readonly randomBytes: (count: number) => Uint8Array
  readonly onError: (error: unknown) => void
}

/** @throws LogError `OPTION_INVALID` */
export function checkOptions<Value>({
  log,
  name,
  options: given,
}: {
  readonly log: EventLog
  readonly name: string
  readonly options: LedgerOptions<Value>
}): CheckedOptions<Value> {
  if (!hasMethods(log, ['append', 'read', 'tail', 'locate', 'bounds']))
    throw invalidOption('A ledger is opened on an event log', log)
  if (typeof name !== 'string' || !/^[a-z0-9-]+$/.test(name) || name.length > ledgerNameLengthMax) {
    const wanted = `The name of a ledger is 1 to ${ledgerNameLengthMax} characters of a-z, 0-9 and -`
    throw invalidOption(wanted, name)
  }
  const options = readMembers(given, ['codec', 'clock', 'randomBytes', 'onError'], {
    code: 'OPTION_INVALID',
    what: 'The options of a ledger',
  })
  const {
    codec,
    clock = systemClock,
    randomBytes = drawRandomBytes,
    onError = throwUncaught,
  } = options
  if (codec === undefined || !hasMethods(codec, ['encode', 'decode']))
    throw invalidOption('codec must have the functions encode and decode', codec)
  requireClock(clock)
  requireFunction('randomBytes', randomBytes)
  requireFunction('onError', onError)
  return { codec, clock, randomBytes, onError: guard(onError) }
}

/** A handler of errors that throws must not cost a ledger the records behind the one that it was told of. */
function guard(onError: (error: unknown) => void): (error: unknown) => void {
  return (error) => {
    try {
      onError(error)
    } catch (thrown) {
      throwUncaught(thrown)
    }
  }
}

/**
 * When an entry ends, `Infinity` for never.
 * @throws LogError `OPTION_INVALID`
 */
export function checkExpiry(given: EntryOptions): number {
  const { expiresAt = Infinity } = readMembers(given, ['expiresAt'], {
    code: 'OPTION_INVALID',
    what: 'The options of an entry',
  })
  if (expiresAt === Infinity || (Number.isSafeInteger(expiresAt) && expiresAt >= 0))
    return expiresAt
  throw invalidOption(
    'expiresAt must be whole milliseconds since 1970, or Infinity for never',
    expiresAt,
  )
}

/**
 * The entries of one call, read.
 * @throws LogError `OPTION_INVALID` for what is no list of them
 */
export function readEntries<Value>(given: readonly NewEntry<Value>[]): readonly NewEntry<Value>[] {
  const wanted = { code: 'OPTION_INVALID', what: 'The entries of a ledger' } as const
  return readList(given, wanted).map((entry) => {
    const what = 'An entry of a ledger'
    const members = readMembers(entry, ['key', 'value', 'expiresAt'], { ...wanted, what })
    return members as NewEntry<Value>
  })
}

/** @throws LogError `POSITION_INVALID` */
export function checkMoment(given: Moment): void {
  const moment = { code: 'POSITION_INVALID', what: 'A moment of the log' } as const
  const { position, time } = readMembers(given, ['position', 'time'], moment)
  requirePosition(position)
  if (typeof time === 'number' && !Number.isNaN(time)) return
  throw new LogError(
    'POSITION_INVALID',
    `The time of a moment is milliseconds since 1970; got ${quoteValue(time)}. Hand in a record of the log.`,
  )
}

/** @throws LogError `OPTION_INVALID` for a codec that makes no text of the value */
export function encodeValue<Value>(codec: LedgerCodec<Value>, value: Value): string {
  const text: unknown = codec.encode(value)
  if (typeof text === 'string') return text
  throw invalidOption('The codec of a ledger must encode values as text', text)
}

/** Two claims of one name would both take the one entry for theirs: 1 in 2^64 of those that race. */
const claimNameBytes = 8

/** A name for a claim, in hexadecimal digits. */
export function drawName(randomBytes: (count: number) => Uint8Array): string {
  const bytes: unknown = randomBytes(claimNameBytes)
  if (!(bytes instanceof Uint8Array) || bytes.length !== claimNameBytes)
    throw invalidOption(`randomBytes must give ${claimNameBytes} bytes`, bytes)
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
