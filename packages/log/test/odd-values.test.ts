// Every export of the room, handed what its signature does not allow: the coded error, never a bare
// TypeError.

import { createFakeClock, expectedOutcomes, tryOddValues, withThrowing } from '@tidemark/testkit'
import type { OddCase } from '@tidemark/testkit'
import { describe, expect, test } from 'vitest'
import { parseEpoch } from '../src/driver.ts'
import * as room from '../src/index.ts'

const { memoryLog, openLedger, parseTopic } = room

const position = (await memoryLog().bounds()).head
const topic = parseTopic('a')
const pattern = room.parsePattern('a/*')

const option =
  (name: string): OddCase['call'] =>
  (value) =>
    void memoryLog({ [name]: value }).close()
const retention =
  (name: string): OddCase['call'] =>
  (value) =>
    void memoryLog({ retention: { [name]: value } }).close()
const rule =
  (name: string): OddCase['call'] =>
  (value) => {
    void memoryLog({ retention: { rules: [{ pattern: 'a', [name]: value }] } }).close()
  }

const codec = { encode: (value: string) => value, decode: (text: string) => text }
const openOne = (): Promise<room.Ledger<string>> => openLedger(memoryLog(), 'a', { codec })
const ledgerOption =
  (name: string): OddCase['call'] =>
  (value) =>
    openLedger(memoryLog(), 'a', { codec, [name]: value })

const whole = memoryLog().retention

const objects = ['an object', 'an object without a prototype', 'a date', 'a text object']
const lists = ['an array', 'an array of symbols']

const cases: Readonly<Record<string, OddCase>> = {
  parseTopic: { call: (value) => parseTopic(value as never), code: 'TOPIC_INVALID' },
  parsePattern: { call: (value) => room.parsePattern(value as never), code: 'TOPIC_INVALID' },
  'parseTopicSet: names': {
    call: (value) => room.parseTopicSet(value as never),
    code: 'TOPIC_SET_INVALID',
    but: { 'an array of symbols': 'TOPIC_INVALID' },
  },
  'parseTopicSet: a name': {
    call: (value) => room.parseTopicSet(['a', value as never]),
    code: 'TOPIC_INVALID',
  },
  hasWildcard: {
    // A question that is answered: the text is checked by what comes next.
    call: (value) => expect(room.hasWildcard(value as never)).toBe(false),
    code: '',
    takes: Object.keys(expectedOutcomes({ call: () => undefined, code: '' })),
  },
  'matchesPattern: pattern': {
    call: (value) => room.matchesPattern(value as never, topic),
    code: 'TOPIC_INVALID',
    takes: ['empty text'],
  },
  'matchesPattern: topic': {
    call: (value) => room.matchesPattern(pattern, value as never),
    code: 'TOPIC_INVALID',
    takes: ['empty text'],
  },
  'covers: granted': {
    call: (value) => room.covers(value as never, pattern),
    code: 'OPTION_INVALID',
  },
  'covers: asked': {
    call: (value) => room.covers(room.parseTopicSet(['a/*']), value as never),
    code: 'TOPIC_INVALID',
    takes: ['empty text'],
  },
  literalPrefix: {
    call: (value) => room.literalPrefix(value as never),
    code: 'TOPIC_INVALID',
    takes: ['empty text'],
  },
  parseCursor: {
    // Text that is no cursor comes from clients, and is answered; so is what is no text.
    call: (value) => expect(room.parseCursor(value as never)).toBeUndefined(),
    code: '',
    takes: Object.keys(expectedOutcomes({ call: () => undefined, code: '' })),
  },
  formatCursor: { call: (value) => room.formatCursor(value as never), code: 'POSITION_INVALID' },
  'formatCursor: parts': {
    call: (value) => room.formatCursor(position, value as never),
    code: 'POSITION_INVALID',
  },
  'formatCursor: a part': {
    call: (value) => room.formatCursor(position, new Map([['k', value as never]])),
    code: 'POSITION_INVALID',
  },
  comparePositions: {
    call: (value) => room.comparePositions(position, value as never),
    code: 'POSITION_INVALID',
  },
  isSameEpoch: {
    call: (value) => room.isSameEpoch(value as never, position),
    code: 'POSITION_INVALID',
  },
  'openLedger: log': {
    call: (value) => openLedger(value as never, 'a', { codec }),
    code: 'OPTION_INVALID',
  },
  'openLedger: name': {
    call: (value) => openLedger(memoryLog(), value as never, { codec }),
    code: 'OPTION_INVALID',
  },
  openLedger: {
    call: (value) => openLedger(memoryLog(), 'a', value as never),
    code: 'OPTION_INVALID',
  },
  'openLedger: codec': { call: ledgerOption('codec'), code: 'OPTION_INVALID' },
  'openLedger: clock': { call: ledgerOption('clock'), code: 'OPTION_INVALID' },
  'openLedger: randomBytes': {
    call: ledgerOption('randomBytes'),
    code: 'OPTION_INVALID',
    // It is asked by the first claim.
    takes: ['a function'],
  },
  'openLedger: onError': {
    call: ledgerOption('onError'),
    code: 'OPTION_INVALID',
    takes: ['a function'],
  },
  'Ledger.set: key': {
    call: async (value) => (await openOne()).set(value as never, 'x'),
    code: 'BATCH_INVALID',
    takes: ['empty text'],
  },
  'Ledger.setAll: entries': {
    call: async (value) => (await openOne()).setAll(value as never),
    code: 'OPTION_INVALID',
    but: { 'an array': 'BATCH_INVALID' },
  },
  'Ledger.setAll: an entry': {
    call: async (value) => (await openOne()).setAll([value as never]),
    code: 'OPTION_INVALID',
  },
  'Ledger.setAll: a key': {
    call: async (value) => (await openOne()).setAll([{ key: value as never, value: 'x' }]),
    code: 'BATCH_INVALID',
    takes: ['empty text'],
  },
  positionBefore: {
    call: (value) => room.positionBefore(value as never),
    code: 'POSITION_INVALID',
  },
  'ruleFor: topic': { call: (value) => memoryLog().ruleFor(value as never), code: 'TOPIC_INVALID' },
  'Ledger.delete: key': {
    call: async (value) => (await openOne()).delete(value as never),
    code: 'BATCH_INVALID',
    takes: ['empty text'],
  },
  'Ledger.claim: key': {
    call: async (value) => (await openOne()).claim(value as never, 'x'),
    code: 'BATCH_INVALID',
    takes: ['empty text'],
  },
  'Ledger.set: options': {
    call: async (value) => (await openOne()).set('a', 'x', value as never),
    code: 'OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  'Ledger.claim: expiresAt': {
    call: async (value) => (await openOne()).claim('a', 'x', { expiresAt: value as never }),
    code: 'OPTION_INVALID',
    takes: ['a number'],
  },
  'Ledger.getAt: moment': {
    call: async (value) => (await openOne()).getAt('a', value as never),
    code: 'POSITION_INVALID',
  },
  'Ledger.reached: position': {
    call: async (value) => (await openOne()).reached(value as never),
    code: 'POSITION_INVALID',
  },
  'Ledger.onChange: listener': {
    call: async (value) => (await openOne()).onChange(value as never),
    code: 'OPTION_INVALID',
    takes: ['a function'],
  },
  'changeRetention: log': {
    call: (value) => room.changeRetention(value as never, whole),
    code: 'OPTION_INVALID',
  },
  changeRetention: {
    call: (value) => room.changeRetention(memoryLog(), value as never),
    code: 'RETENTION_INVALID',
  },
  'changeRetention: a rule': {
    call: (value) => room.changeRetention(memoryLog(), { ...whole, rules: [value as never] }),
    code: 'RETENTION_INVALID',
  },
  memoryLog: {
    call: (value) => void memoryLog(value as never).close(),
    code: 'OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  'memoryLog: clock': { call: option('clock'), code: 'OPTION_INVALID' },
  'memoryLog: epoch': { call: option('epoch'), code: 'EPOCH_INVALID' },
  'memoryLog: randomBytes': { call: option('randomBytes'), code: 'OPTION_INVALID' },
  'memoryLog: onHandlerError': {
    call: option('onHandlerError'),
    code: 'OPTION_INVALID',
    takes: ['a function'],
  },
  'memoryLog: retention': {
    call: option('retention'),
    code: 'RETENTION_INVALID',
    takes: [...objects, ...lists],
  },
  'memoryLog: retention.maxAgeMs': {
    call: retention('maxAgeMs'),
    code: 'RETENTION_INVALID',
    takes: ['a number'],
  },
  'memoryLog: retention.maxBytes': {
    call: retention('maxBytes'),
    code: 'RETENTION_INVALID',
    takes: ['a number'],
  },
  'memoryLog: retention.rules': {
    call: retention('rules'),
    code: 'RETENTION_INVALID',
    takes: ['an array'],
  },
  'memoryLog: a rule': {
    call: (value) => void memoryLog({ retention: { rules: [value as never] } }).close(),
    code: 'RETENTION_INVALID',
  },
  'memoryLog: a rule’s pattern': { call: rule('pattern'), code: 'RETENTION_INVALID' },
  'memoryLog: a rule’s maxAgeMs': {
    call: rule('maxAgeMs'),
    code: 'RETENTION_INVALID',
    takes: ['a number'],
  },
  'memoryLog: a rule’s maxEvents': {
    call: rule('maxEvents'),
    code: 'RETENTION_INVALID',
    takes: ['a number'],
  },
  'memoryLog: a rule’s maxBytes': {
    call: rule('maxBytes'),
    code: 'RETENTION_INVALID',
    takes: ['a number'],
  },
  'memoryLog: a rule’s latestBy': { call: rule('latestBy'), code: 'RETENTION_INVALID' },
  parseEpoch: { call: (value) => parseEpoch(value as never), code: 'EPOCH_INVALID' },
}

test.each(Object.entries(cases))('%s', async (_name, odd) => {
  expect(await tryOddValues(odd, 'LogError')).toEqual(expectedOutcomes(odd))
})

test('every function that the room exports is among them', () => {
  const functions = Object.entries(room)
    .filter(([name, value]) => typeof value === 'function' && name !== 'LogError')
    .map(([name]) => name)
  const tried = new Set(Object.keys(cases).map((name) => name.split(':', 1)[0]))
  expect(functions.filter((name) => !tried.has(name))).toEqual([])
})

describe('an option that throws when it is read', () => {
  test.each(['clock', 'retention', 'epoch', 'randomBytes', 'onHandlerError'])('%s', (name) => {
    const options = withThrowing({ clock: createFakeClock() }, name)
    expect(() => memoryLog(options)).toThrow(
      expect.objectContaining({
        name: 'LogError',
        code: 'OPTION_INVALID',
        cause: new Error(`reading ${name}`),
      }),
    )
  })

  test.each(['maxAgeMs', 'maxBytes', 'rules'])('retention.%s', (name) => {
    expect(() => memoryLog({ retention: withThrowing({}, name) })).toThrow(
      expect.objectContaining({ name: 'LogError', code: 'RETENTION_INVALID' }),
    )
  })

  test.each(['pattern', 'maxAgeMs', 'maxEvents', 'maxBytes', 'latestBy'])('rule.%s', (name) => {
    const rules = [withThrowing({ pattern: 'a' }, name)]
    expect(() => memoryLog({ retention: { rules } })).toThrow(
      expect.objectContaining({ name: 'LogError', code: 'RETENTION_INVALID' }),
    )
  })
})
