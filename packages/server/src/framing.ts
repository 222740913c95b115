// How a record looks on the wire. A framing is chosen per subscription; equal framings share their frames.

import type { EventRecord, TopicSet } from '@tidemark/log'
import { encodeEvent } from '@tidemark/wire'
import { Block } from './block.ts'
import { toEnvelope } from './envelope.ts'
import type { OwnEvent } from './envelope.ts'
import { formatPlace, noParts } from './place.ts'
import type { Parts, Place } from './place.ts'

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
  /** What its ids say beside their positions. */
  readonly parts: Parts
  /** `place` is what the id says; by default where the record is. */
  encode(record: EventRecord, place?: Place): Block
  /** `place` is that of the newest of the records the frames were made of. */
  assemble(frames: readonly Block[], place: Place): Block
  /** An event that is in no log, and so has no id: whole, not a frame. */
  encodeOwn(event: OwnEvent): Block
  /** The same framing for other topics: sessions of several topics must be able to tell them apart. */
  forTopics(topics: TopicSet, parts: Parts): Framing
}

/** Makes the framing of a choice. */
export function createFraming(choice: FramingChoice, parts: Parts = noParts): Framing {
  return choice.shape === 'batch' ? createBatchFraming(parts) : createEventFraming(choice, parts)
}

/** Whether events say which topic they are of: clients that follow several must be able to tell them apart. */
export function needsTopicField({ topics, patterns }: TopicSet): boolean {
  return topics.length + patterns.length > 1 || patterns.length > 0
}

/** Framings with parts of their own share no frames with those without. */
function keyOf(name: string, parts: Parts): string {
  return parts.size === 0 ? name : `${name}\n${[...parts].flat().join(' ')}`
}

function createEventFraming(choice: FramingChoice, parts: Parts): Framing {
  const { shape, isNamedByTopic } = choice
  // One order, whatever the order they were asked for in: sessions with the same key share their frames.
  const fields = fieldNames.filter((name) => choice.fields.includes(name))
  const encode = (event: OwnEvent, id: string | undefined): Block =>
    Block.fromText(
      encodeEvent({
        id,
        event: isNamedByTopic ? (event.topic ?? event.type) : event.type,
        fields: listFields(event, fields),
        data: shape === 'envelope' ? toEnvelope(event) : event.data,
      }),
    )
  return {
    key: keyOf([shape, ...fields, isNamedByTopic ? 'named' : ''].join(' '), parts),
    parts,
    encode: (record, place = { position: record.position, parts }) =>
      encode(record, formatPlace(place)),
    assemble: (frames) => Block.join(frames),
    encodeOwn: (event) => encode(event, undefined),
    forTopics(topics, ofTopics) {
      const isMarked = needsTopicField(topics) && !fields.includes('topic')
      const wanted = isMarked ? [...fields, 'topic' as const] : fields
      return createEventFraming({ ...choice, fields: wanted }, ofTopics)
    },
  }
}

function listFields(event: OwnEvent, names: readonly FieldName[]): [string, string][] {
  const lines: [string, string][] = []
  for (const name of names) {
    const value = name === 'time' ? String(event.time) : event[name]
    if (value !== undefined) lines.push([name, value])
  }
  return lines
}

const opening = Block.fromText('[')
const comma = Block.fromText(',')
const closing = Block.fromText(']\n\n')

/** A batch of one event is one block for all audiences, as the event's frame is: it may be large. */
const single = new WeakMap<Block, Block>()

function createBatchFraming(parts: Parts): Framing {
  return {
    key: keyOf('batch', parts),
    parts,
    encode: encodeItem,
    assemble(frames, place) {
      const [only] = frames
      const id = formatPlace(place)
      if (only === undefined || frames.length > 1) return assembleBatch(frames, id)
      const block = single.get(only) ?? assembleBatch(frames, id)
      single.set(only, block)
      return block
    },
    encodeOwn: (event) => assembleBatch([encodeItem(event)], undefined),
    forTopics: (_topics, ofTopics) => createBatchFraming(ofTopics),
  }
}

/** An envelope of a payload with line breaks would end the data line early, so the breaks are folded out of it. */
function encodeItem(event: OwnEvent): Block {
  return Block.fromText(toEnvelope(event).replaceAll(/[\r\n]+/g, ' '))
}

function assembleBatch(frames: readonly Block[], id: string | undefined): Block {
  const line = id === undefined ? '' : `id: ${id}\n`
  const parts = [Block.fromText(`${line}event: batch\ndata: `), opening]
  for (const [i, frame] of frames.entries()) {
    if (i > 0) parts.push(comma)
    parts.push(frame)
  }
  return Block.join([...parts, closing])
}
