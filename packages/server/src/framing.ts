// How a record looks on the wire. A framing is chosen per subscription; equal framings share their frames.

import { formatCursor } from '@tidemark/log'
import type { EventRecord } from '@tidemark/log'
import { encodeEvent } from '@tidemark/wire'
import { Block } from './block.ts'
import { toEnvelope } from './envelope.ts'

/** Extra field lines a session can ask for. Parsers ignore fields they do not know. */
export const fieldNames = ['topic', 'key', 'time'] as const
export type FieldName = (typeof fieldNames)[number]

/** A subscription's choice. */
export interface FramingChoice {
  /** `plain`: the payload as data. `envelope`: `{topic,type,key,time,data}` as data. `batch`: an array of envelopes per flush. */
  readonly shape: 'plain' | 'envelope' | 'batch'
  /** Extra field lines, for `plain` and `envelope`. */
  readonly fields: readonly FieldName[]
  /** Name the SSE event after the topic, for `plain` and `envelope`. */
  readonly isNamedByTopic: boolean
}

/** Turns records into frames, and frames into what is written at a flush. */
export interface Framing {
  /** Equal for framings that give equal frames. */
  readonly key: string
  encode(record: EventRecord): Block
  /** `last` is the newest of the records the frames were made of. */
  assemble(frames: readonly Block[], last: EventRecord): Block
}

/** Makes the framing of a choice. */
export function createFraming(choice: FramingChoice): Framing {
  return choice.shape === 'batch' ? batchFraming : createEventFraming(choice)
}

function createEventFraming(choice: FramingChoice): Framing {
  const { shape, isNamedByTopic } = choice
  // One order, whatever the order they were asked for in: sessions with the same key share their frames.
  const fields = fieldNames.filter((name) => choice.fields.includes(name))
  return {
    key: [shape, ...fields, isNamedByTopic ? 'named' : ''].join(' '),
    encode(record) {
      return Block.fromText(
        encodeEvent({
          id: formatCursor(record.position),
          event: isNamedByTopic ? record.topic : record.type,
          fields: listFields(record, fields),
          data: shape === 'envelope' ? toEnvelope(record) : record.data,
        }),
      )
    },
    assemble: (frames) => Block.join(frames),
  }
}

function listFields(record: EventRecord, names: readonly FieldName[]): [string, string][] {
  const lines: [string, string][] = []
  for (const name of names) {
    const value = name === 'time' ? String(record.time) : record[name]
    if (value !== undefined) lines.push([name, value])
  }
  return lines
}

const opening = Block.fromText('[')
const comma = Block.fromText(',')
const closing = Block.fromText(']\n\n')

/** A batch of one event is one block for all audiences, as the event's frame is: it may be large. */
const single = new WeakMap<Block, Block>()

const batchFraming: Framing = {
  key: 'batch',
  // An envelope of a payload with line breaks would end the data line early, so the breaks are folded out of it.
  encode: (record) => Block.fromText(toEnvelope(record).replaceAll(/[\r\n]+/g, ' ')),
  assemble(frames, last) {
    const [only] = frames
    if (only === undefined || frames.length > 1) return assembleBatch(frames, last)
    const block = single.get(only) ?? assembleBatch(frames, last)
    single.set(only, block)
    return block
  },
}

function assembleBatch(frames: readonly Block[], last: EventRecord): Block {
  const head = Block.fromText(`id: ${formatCursor(last.position)}\nevent: batch\ndata: `)
  const parts = [head, opening]
  for (const [i, frame] of frames.entries()) {
    if (i > 0) parts.push(comma)
    parts.push(frame)
  }
  return Block.join([...parts, closing])
}
