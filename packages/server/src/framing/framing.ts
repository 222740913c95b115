// How a record looks on the wire. A framing is chosen per subscription; equal framings share their frames.

import { formatCursor } from '@tidemark/log'
import type { EventRecord, TopicSet } from '@tidemark/log'
import { encodeEvent } from '@tidemark/wire'
import { Block } from './block.ts'
import { toEnvelope } from './envelope.ts'
import type { OwnEvent } from './envelope.ts'
import { packData, packedField } from './packed.ts'
import type { PackText } from './packed.ts'
import { formatPlace, isPlain, noParts } from './place.ts'
import type { Place } from './place.ts'

/** Extra field lines a session can ask for. Parsers ignore fields they do not know. */
export const fieldNames = ['topic', 'key', 'time', 'tags'] as const
export type FieldName = (typeof fieldNames)[number]

/** A subscription's choice. */
export interface FramingChoice {
  /**
   * `plain`: the payload as data. `envelope`: `{topic,type,key,tags,time,data}` as data. `batch`: an array of
   * envelopes per flush.
   */
  readonly shape: 'plain' | 'envelope' | 'batch'
  /** Extra field lines, for `plain` and `envelope`. */
  readonly fields: readonly FieldName[]
  /** Name the SSE event after the topic, for `plain` and `envelope`. */
  readonly isNamedByTopic: boolean
  /** Compresses single events, for `plain` and `envelope`. Default: they stay as they are. */
  readonly pack?: PackText | undefined
}

/** Turns records into frames, and frames into what is written at a flush. */
export interface Framing {
  /** Equal for framings that give equal frames. */
  readonly frameKey: string
  /** Equal for framings that give equal frames and put the same parts into their ids. */
  readonly key: string
  /** The text of ids behind their positions. */
  readonly parts: string
  encode(record: EventRecord): Block
  /**
   * `place` is that of the newest of the records the frames were made of. The text around its position comes
   * into every id.
   */
  assemble(frames: readonly Block[], place: Place): Block
  /** An event that is in no log, and so has no id: whole, not a frame. */
  encodeOwn(event: OwnEvent): Block
  /** The same framing for other topics: sessions of several topics must be able to tell them apart. */
  forTopics(topics: TopicSet, parts: string): Framing
  /** The same framing with long events compressed one by one. A batch of events stays as it is. */
  packing(pack: PackText): Framing
}

/** Makes the framing of a choice. */
export function createFraming(choice: FramingChoice, parts: string = noParts): Framing {
  return choice.shape === 'batch' ? createBatchFraming(parts) : createEventFraming(choice, parts)
}

/**
 * Whether events say which topic they are of: clients that follow several must be able to tell them apart.
 */
export function needsTopicField({ topics, patterns }: TopicSet): boolean {
  return topics.length + patterns.length > 1 || patterns.length > 0
}

function createEventFraming(choice: FramingChoice, parts: string): Framing {
  const { shape, isNamedByTopic, pack } = choice
  // One order, whatever the order they were asked for in: sessions with the same key share their frames.
  const fields = fieldNames.filter((name) => choice.fields.includes(name))
  const encode = (event: OwnEvent, id: string | undefined): Block => {
    const data = shape === 'envelope' ? toEnvelope(event) : event.data
    // Of fields and the name of the event it does not depend: framings that differ there share it.
    const name = id === undefined ? undefined : `${id} ${shape}`
    const packed = pack === undefined ? undefined : packData(data, pack, name)
    const lines = listFields(event, fields)
    return Block.fromText(
      encodeEvent({
        id,
        event: isNamedByTopic ? (event.topic ?? event.type) : event.type,
        fields: packed === undefined ? lines : [...lines, packedField],
        data: packed ?? data,
      }),
    )
  }
  const asked = [isNamedByTopic ? 'named' : '', pack === undefined ? '' : 'packed']
  const frameKey = [shape, ...fields, ...asked].join(' ')
  return {
    frameKey,
    key: frameKey + parts,
    parts,
    encode: (record) => encode(record, formatCursor(record.position)),
    assemble: (frames, place) => Block.join(isPlain(place) ? frames : wrapIds(frames, place)),
    encodeOwn: (event) => encode(event, undefined),
    forTopics(topics, ofTopics) {
      const isMarked = needsTopicField(topics) && !fields.includes('topic')
      const wanted = isMarked ? [...fields, 'topic' as const] : fields
      return createEventFraming({ ...choice, fields: wanted }, ofTopics)
    },
    packing: (ofNode) => createEventFraming({ ...choice, pack: ofNode }, parts),
  }
}

function listFields(event: OwnEvent, names: readonly FieldName[]): [string, string][] {
  const lines: [string, string][] = []
  for (const name of names) {
    const value = event[name]
    if (value === undefined) continue
    lines.push([name, typeof value === 'object' ? JSON.stringify(value) : String(value)])
  }
  return lines
}

const idField = 'id: '
const lineFeed = 10

/**
 * Frames begin with their id. Other sessions have the frames too, so what only some say is put into copies.
 */
function wrapIds(frames: readonly Block[], { before, after }: Place): readonly Block[] {
  const start = Block.fromText(idField + before)
  const end = Block.fromText(after)
  return frames.map((frame) => {
    const { bytes } = frame
    const lineEnd = bytes.indexOf(lineFeed)
    const id = new Block(bytes.subarray(idField.length, lineEnd))
    const copy = Block.join([start, id, end, new Block(bytes.subarray(lineEnd))])
    copy.isStored = frame.isStored
    return copy
  })
}

const opening = Block.fromText('[')
const comma = Block.fromText(',')
const closing = Block.fromText(']\n\n')

/** A batch of one event is one block for all audiences, as the event's frame is: it may be large. */
const single = new WeakMap<Block, Block>()

function createBatchFraming(parts: string): Framing {
  const framing: Framing = {
    frameKey: 'batch',
    key: `batch${parts}`,
    parts,
    encode: encodeItem,
    assemble(frames, place) {
      const [only] = frames
      const isOwn = only === undefined || frames.length > 1 || !isPlain(place)
      if (isOwn) return assembleBatch(frames, formatPlace(place))
      const block = single.get(only) ?? assembleBatch(frames, formatPlace(place))
      single.set(only, block)
      return block
    },
    encodeOwn: (event) => assembleBatch([encodeItem(event)], undefined),
    forTopics: (_topics, ofTopics) => createBatchFraming(ofTopics),
    packing: () => framing,
  }
  return framing
}

/**
 * An envelope of a payload with line breaks would end the data line early, so the breaks are folded out of
 * it.
 */
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
