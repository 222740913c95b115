// Checks the arguments of a decoder, because callers in JavaScript may pass anything.

import type { DecoderHandler } from './decoder-handler.ts'
import { WireError } from './errors.ts'
import { quoteValue } from './quote.ts'

/** `DecoderOptions`, as far as they are looked at here. */
interface Options {
  readonly lastEventId?: string | undefined
  readonly eventCharactersMax?: number | undefined
  readonly lineCharactersMax?: number | undefined
}

/** The handler of all but events. */
type SideHandler = Omit<DecoderHandler, 'event'>

const handlerNames = ['event', 'retry', 'comment', 'id'] as const
const optionNames = ['lastEventId', 'eventCharactersMax', 'lineCharactersMax'] as const

/**
 * Checks that a decoder can call its handler.
 * @throws WireError `DECODER_OPTION_INVALID`
 */
export function checkHandler(handler: DecoderHandler): void {
  checkFunctions(handler, true)
}

/**
 * Reads the handler of all but events.
 * @throws WireError `DECODER_OPTION_INVALID`
 */
export function readHandler(options: {
  readonly handler?: SideHandler | undefined
}): SideHandler | undefined {
  const { handler } = readMembers('options', options, ['handler'])
  if (handler !== undefined) checkFunctions(handler, false)
  return handler
}

function checkFunctions(handler: Partial<DecoderHandler>, isEventNeeded: boolean): void {
  const members = readMembers('handler', handler, handlerNames)
  for (const name of handlerNames) {
    const isLeftOut = members[name] === undefined && !(isEventNeeded && name === 'event')
    if (isLeftOut || typeof members[name] === 'function') continue
    throw invalid(`handler.${name} must be a function`, members[name])
  }
}

/**
 * Reads the options; the limits are checked where they are used.
 * @throws WireError `DECODER_OPTION_INVALID`
 */
export function readOptions(options: Options): Options {
  const members = readMembers('options', options, optionNames)
  const { lastEventId } = members
  if (lastEventId === undefined || typeof lastEventId === 'string') return members
  throw invalid('lastEventId must be text', lastEventId)
}

/** Refuses a value without one of the methods. */
export function requireMethod(what: string, value: object, name: string): void {
  const { [name]: method } = readMembers(what, value as Readonly<Record<string, unknown>>, [name])
  if (typeof method !== 'function') throw invalid(`${what} must have a function ${name}`, value)
}

/** Whether a chunk is bytes. Not by `instanceof`: they may come from another realm. */
export function isBytes(chunk: unknown): chunk is Uint8Array {
  if (!ArrayBuffer.isView(chunk)) return false
  return 'BYTES_PER_ELEMENT' in chunk && chunk.BYTES_PER_ELEMENT === 1
}

/** The error for a chunk that is neither bytes nor text. */
export function refuseChunk(chunk: unknown): WireError {
  return new WireError(
    'DECODER_CHUNK_INVALID',
    `A chunk is a Uint8Array or text; got ${quoteValue(chunk)}. Wrap an ArrayBuffer as new Uint8Array(buffer).`,
  )
}

function readMembers<Value extends object, Name extends keyof Value & string>(
  what: string,
  value: Value,
  names: readonly Name[],
): Partial<Pick<Value, Name>> {
  if (typeof value !== 'object' || value === null) throw invalid(`${what} must be an object`, value)
  const members: Partial<Pick<Value, Name>> = {}
  try {
    for (const name of names) members[name] = value[name]
  } catch (cause) {
    throw new WireError('DECODER_OPTION_INVALID', `${what} throws when it is read.`, { cause })
  }
  return members
}

function invalid(wanted: string, got: unknown): WireError {
  return new WireError('DECODER_OPTION_INVALID', `${wanted}; got ${quoteValue(got)}.`)
}
