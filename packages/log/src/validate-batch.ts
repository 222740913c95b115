// Checks a batch before it enters a log. A topic's type proves its form. The size of data is the
// door's business.

import { LogError } from './errors.ts'
import { describeExtrasFault, extraNames } from './event-extras.ts'
import type { NewBatch, NewEvent } from './event-log.ts'
import {
  batchEventsMax,
  eventKeyLengthMax,
  eventTypeLengthMax,
  idempotencyKeyLengthMax,
  patienceMsMax,
  topicBytesMax,
} from './limits.ts'
import { isLedgerTopic, ledgerPrefix } from './ledger-room.ts'
import { requirePosition } from './position.ts'
import { quote, quoteValue } from './quote.ts'
import { readList, readMembers } from './read-members.ts'
import { decodeRetention, isRetentionRecord } from './retention-record.ts'

/**
 * Checks a batch before anything of it is stored.
 * @throws LogError `BATCH_INVALID`, `IDEMPOTENCY_KEY_INVALID`, and `RETENTION_INVALID` for a record
 *   of malformed rules
 */
export function validateBatch(batch: NewBatch): void {
  const members = readMembers(batch, ['events', 'idempotencyKey', 'patienceMs', 'ifHead'], {
    code: 'BATCH_INVALID',
    what: 'A batch',
  })
  const { idempotencyKey, patienceMs = 0, ifHead } = members
  const events = readList(members.events ?? [], {
    code: 'BATCH_INVALID',
    what: 'The events of a batch',
  })
  if (events.length === 0) {
    throw new LogError('BATCH_INVALID', 'A batch needs at least one event; got none.')
  }
  if (events.length > batchEventsMax) {
    throw new LogError(
      'BATCH_INVALID',
      `A batch may hold ${batchEventsMax} events at most; got ${events.length}. Split it.`,
    )
  }
  for (const [i, event] of events.entries()) {
    const what = `Event ${i + 1} of the batch`
    const fault = describeEventFault(
      readMembers(event, ['topic', 'type', 'data', 'key', ...extraNames], {
        code: 'BATCH_INVALID',
        what,
      }),
    )
    if (fault !== undefined) throw new LogError('BATCH_INVALID', `${what}: ${fault}`)
    if (isRetentionRecord(event)) decodeRetention(event)
  }
  // A batch that waits for ever would delay all batches behind it.
  if (!(typeof patienceMs === 'number' && patienceMs >= 0 && patienceMs <= patienceMsMax)) {
    throw new LogError(
      'BATCH_INVALID',
      `patienceMs must be a number from 0 to ${patienceMsMax}; got ${quoteValue(patienceMs)}.`,
    )
  }
  if (idempotencyKey !== undefined) requireIdempotencyKey(idempotencyKey)
  if (ifHead !== undefined) validateHead(ifHead, events)
}

function validateHead(ifHead: unknown, events: readonly NewEvent[]): void {
  requirePosition(ifHead)
  const topics = new Set(events.map(({ topic }) => topic))
  if (topics.size === 1) return
  throw new LogError(
    'BATCH_INVALID',
    `A batch with ifHead is of one topic; got ${topics.size} topics. Split it.`,
  )
}

/**
 * Visible ASCII, which an HTTP header can carry unchanged.
 * @throws LogError `IDEMPOTENCY_KEY_INVALID`
 */
export function requireIdempotencyKey(key: string): void {
  const isText = typeof key === 'string'
  if (isText && key.length <= idempotencyKeyLengthMax && /^[\x21-\x7e]+$/.test(key)) return
  throw new LogError(
    'IDEMPOTENCY_KEY_INVALID',
    `An idempotency key is 1 to ${idempotencyKeyLengthMax} visible ASCII characters; got ${quoteValue(key)}.`,
  )
}

function describeEventFault(event: Partial<NewEvent>): string | undefined {
  const { topic, type, data, key } = event
  if (typeof topic !== 'string' || topic === '' || topic.length > topicBytesMax)
    return `its topic is none; got ${quoteValue(topic)}. Take it from parseTopic.`
  if (key === undefined && isLedgerTopic(topic))
    return `a topic below ${ledgerPrefix} is a ledger, whose records have a key. Write it by openLedger.`
  if (typeof data !== 'string') return `its data must be text; got ${quoteValue(data)}.`
  if (!data.isWellFormed())
    return 'its data holds half of a surrogate pair; send well-formed Unicode.'
  return (
    (type === undefined ? undefined : describeTypeFault(type)) ??
    (key === undefined ? undefined : describeKeyFault(key)) ??
    describeExtrasFault(event)
  )
}

function describeTypeFault(type: string): string | undefined {
  if (typeof type !== 'string') return `its type must be text; got ${quoteValue(type)}.`
  if (type === '') return 'its type is empty; leave it out for `message`.'
  if (type.length > eventTypeLengthMax) {
    return `its type may have ${eventTypeLengthMax} characters at most; got ${type.length}.`
  }
  // A line break would end the `event:` line and let the rest forge fields.
  // oxlint-disable-next-line no-control-regex -- finding control characters is the point
  if (/[\r\n\u0000]/.test(type)) return `its type must not hold CR, LF or NUL; got ${quote(type)}.`
  if (!type.isWellFormed()) return `its type holds half of a surrogate pair; got ${quote(type)}.`
  return undefined
}

function describeKeyFault(key: string): string | undefined {
  if (typeof key !== 'string') return `its key must be text; got ${quoteValue(key)}.`
  if (key.length > eventKeyLengthMax) {
    return `its key may have ${eventKeyLengthMax} characters at most; got ${key.length}.`
  }
  // oxlint-disable-next-line no-control-regex -- finding control characters is the point
  if (/[\u0000-\u001f\u007f-\u009f]/.test(key)) {
    return `its key must not hold control characters; got ${quote(key)}.`
  }
  if (!key.isWellFormed()) return `its key holds half of a surrogate pair; got ${quote(key)}.`
  return undefined
}
