// Every export of the room, handed what its signature does not allow: the coded error, never a bare
// TypeError.

import { memoryLog, systemClock } from '@tidemark/log'
import { expectedOutcomes, oddValues, tryOddValues, withThrowing } from '@tidemark/testkit'
import type { OddCase } from '@tidemark/testkit'
import { describe, expect, onTestFinished, test } from 'vitest'
import * as fetchDoor from '../src/fetch/index.ts'
import * as hubDoor from '../src/hub/index.ts'
import * as room from '../src/index.ts'
import * as nodeDoor from '../src/node/index.ts'
import { serve } from './support/node-server.ts'
import { TestClient } from './support/test-client.ts'

const { createTidemark } = room
const { parseSubscriptionBody, parseSubscriptionQuery } = hubDoor

const everything = Object.keys(oddValues)
const objects = ['an object', 'an object without a prototype', 'a date', 'a text object']
const lists = ['an array', 'an array of symbols']

function start(): room.Tidemark {
  const tide = createTidemark({ log: memoryLog(), authorize: 'everyone' })
  onTestFinished(() => tide.close())
  return tide
}

/** A node that would grant whatever it is asked for. */
function startAsking(): room.Tidemark {
  const authorize = (): room.Grant => ({ subscribe: ['**'], publish: ['**'] })
  const tide = createTidemark({ log: memoryLog(), authorize })
  onTestFinished(() => tide.close())
  return tide
}

async function open(): Promise<room.SessionHandle> {
  return start().open(new TestClient().connect(), subscription)
}

const owner = (name: string): OddCase => ({
  call: (value) => start().open(new TestClient().connect(), subscription, { [name]: value }),
  code: 'OPTION_INVALID',
})

const by = fetchDoor.describeRequest(new Request('http://localhost/'))

/** A session of nobody in particular, who may follow its topic. */
async function openAsking(): Promise<room.SessionHandle> {
  const tide = startAsking()
  await tide.fetch(new Request('http://localhost/?topic=a'))
  const [session] = tide.sessions()
  if (session === undefined) throw new Error('It is open.')
  return session
}

const granted = (name: string, takes: readonly string[] = []): OddCase => ({
  call: async (value) => (await openAsking()).renew({ subscribe: ['a'], [name]: value }),
  code: 'OPTION_INVALID',
  takes,
})

const make = (part: object): void => void createTidemark({ log: memoryLog(), ...part }).close()

const option = (name: string, takes: readonly string[] = []): OddCase => ({
  call: (value) => make({ [name]: value }),
  code: 'OPTION_INVALID',
  takes,
})

const input = (name: string, code: string, takes: readonly string[] = []): OddCase => ({
  call: (value) => start().publish('a', { data: 'x', [name]: value }),
  code,
  takes,
})

const body = (name: string, but: OddCase['but'] = {}, takes: OddCase['takes'] = []): OddCase => ({
  call: (value) => parseSubscriptionBody({ topics: ['a'], [name]: value }),
  code: 'QUERY_INVALID',
  but,
  takes,
})

/** They have no topic, which is looked at first. */
const noTopic = Object.fromEntries([...objects, ...lists].map((name) => [name, 'TOPIC_INVALID']))

const subscription = parseSubscriptionBody({ topics: ['a'] })

const openOwn = (options?: fetchDoor.StreamOptions): fetchDoor.FetchStream =>
  fetchDoor.openStream(new Request('http://localhost/'), options)

const ownOption = (name: string, takes: readonly string[] = []): OddCase => ({
  call: (value) => void openOwn({ [name]: value }).close(),
  code: 'OPTION_INVALID',
  takes,
})

/** `null` and what is left out are alike where `??` reads an option. */
const number = ['a number', 'null']

const cases: Readonly<Record<string, OddCase>> = {
  Slots: {
    call: (value) => new hubDoor.Slots(value as never),
    code: 'OPTION_INVALID',
    takes: ['a number'],
  },
  createTidemark: {
    call: (value) => void createTidemark(value as never).close(),
    code: 'OPTION_INVALID',
    // Every option has a default.
    takes: [...objects, ...lists],
  },
  'createTidemark: log': option('log'),
  'createTidemark: authorize': option('authorize', ['a function']),
  'createTidemark: heartbeatMs': option('heartbeatMs', number),
  'createTidemark: sessionsMax': option('sessionsMax', number),
  'createTidemark: eventBytesMax': option('eventBytesMax', number),
  'createTidemark: flushWindowMs': option('flushWindowMs', ['a number']),
  'createTidemark: flushWindowMaxMs': option('flushWindowMaxMs', number),
  'createTidemark: flushEventsMax': option('flushEventsMax', number),
  'createTidemark: flushBytesMax': option('flushBytesMax', number),
  // 7 ms is out of its range.
  'createTidemark: stalledAfterMs': option('stalledAfterMs', ['null']),
  'createTidemark: rules': option('rules', ['null', ...objects, ...lists]),
  'createTidemark: rules of a kind': {
    call: (value) => make({ rules: { lag: value } }),
    code: 'OPTION_INVALID',
    takes: ['an array', 'undefined'],
  },
  'createTidemark: a lag rule': {
    call: (value) => make({ rules: { lag: [value] } }),
    code: 'OPTION_INVALID',
  },
  'createTidemark: a lag rule’s pattern': {
    call: (value) => make({ rules: { lag: [{ pattern: value, whenLagging: 'drop' }] } }),
    code: 'OPTION_INVALID',
  },
  'createTidemark: a lag rule’s whenLagging': {
    call: (value) => make({ rules: { lag: [{ pattern: 'a', whenLagging: value }] } }),
    code: 'OPTION_INVALID',
  },
  'createTidemark: eventsPerSecondMax': option('eventsPerSecondMax', ['a number']),
  'createTidemark: compression': option('compression', ['true']),
  'createTidemark: onError': option('onError', ['a function']),
  'createTidemark: observer': option('observer', [...objects, ...lists]),
  'createTidemark: a method of an observer': {
    call: (value) => make({ observer: { closed: value } }),
    code: 'OPTION_INVALID',
    takes: ['a function'],
  },
  'createTidemark: clock': option('clock'),
  'createTidemark: random': option('random', ['a function']),
  'createTidemark: nodeName': option('nodeName'),
  'publish: topic': {
    call: (value) => start().publish(value as never, { data: 'x' }),
    code: 'TOPIC_INVALID',
  },
  'publish: input': {
    call: (value) => start().publish('a', value as never),
    code: 'EVENT_INVALID',
  },
  'publish: type': input('type', 'EVENT_TYPE_INVALID', ['empty text']),
  'publish: key': input('key', 'EVENT_KEY_INVALID'),
  'publish: data': input(
    'data',
    'EVENT_INVALID',
    // Values of JSON.
    ['a number', 'no number', 'null', 'true', 'empty text', ...objects, ...lists],
  ),
  'publish: options': {
    call: (value) => start().publish('a', { data: 'x' }, value as never),
    code: 'OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  'publish: idempotencyKey': {
    call: (value) => start().publish('a', { data: 'x' }, { idempotencyKey: value as never }),
    code: 'IDEMPOTENCY_KEY_INVALID',
  },
  'publish: ifHead': {
    call: (value) => start().publish('a', { data: 'x' }, { ifHead: value as never }),
    code: 'QUERY_INVALID',
  },
  'publish: by': {
    call: (value) => startAsking().publish('a', { data: 'x' }, { by: value as never }),
    code: 'OPTION_INVALID',
  },
  'rules.lag.replace': {
    call: (value) => start().rules.lag.replace(value as never),
    code: 'RULE_INVALID',
    takes: ['an array'],
  },
  'rules.lag.replace: a lag rule': {
    call: (value) => start().rules.lag.replace([value as never]),
    code: 'RULE_INVALID',
  },
  'deleteKey: topic': {
    call: (value) => start().deleteKey(value as never, 'k'),
    code: 'TOPIC_INVALID',
  },
  'deleteKey: key': {
    call: (value) => start().deleteKey('a', value as never),
    code: 'EVENT_KEY_INVALID',
  },
  'deleteKey: options': {
    call: (value) => start().deleteKey('a', 'k', value as never),
    code: 'OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  'cursor: topics': {
    call: (value) => start().cursor(value as never),
    code: 'OPTION_INVALID',
    but: {
      'an array': 'TOPIC_SET_INVALID',
      'an array of symbols': 'TOPIC_INVALID',
      'empty text': 'TOPIC_INVALID',
    },
  },
  'cursor: options': {
    call: (value) => start().cursor('a', value as never),
    code: 'OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  'cursor: by': {
    call: (value) => startAsking().cursor('a', { by: value as never }),
    code: 'OPTION_INVALID',
  },
  history: {
    call: (value) => start().history(value as never),
    code: 'OPTION_INVALID',
    but: noTopic,
  },
  'history: topic': {
    call: (value) => start().history({ topic: value as never }),
    code: 'TOPIC_INVALID',
  },
  'history: after': {
    call: (value) => start().history({ topic: 'a', after: value as never }),
    code: 'QUERY_INVALID',
  },
  'history: limit': {
    call: (value) => start().history({ topic: 'a', limit: value as never }),
    code: 'QUERY_INVALID',
    takes: ['a number'],
  },
  'history: use': {
    call: (value) => start().history({ topic: 'a' }, value as never),
    code: 'OPTION_INVALID',
    takes: ['a function'],
  },
  'history: by': {
    call: (value) => startAsking().history({ topic: 'a', by: value as never }),
    code: 'OPTION_INVALID',
  },
  presence: {
    call: (value) => start().presence(value as never),
    code: 'TOPIC_INVALID',
  },
  'presence: query': {
    call: (value) => start().presence('a', value as never),
    code: 'OPTION_INVALID',
    // A topic without a rule.
    but: Object.fromEntries([...objects, ...lists].map((name) => [name, 'PRESENCE_OFF'])),
  },
  'publishAll: inputs': {
    call: (value) => start().publishAll(value as never),
    code: 'BATCH_INVALID',
    but: { 'an array of symbols': 'EVENT_INVALID' },
  },
  'publishAll: an input': {
    call: (value) => start().publishAll([{ topic: 'a', data: 'x' }, value as never]),
    code: 'EVENT_INVALID',
    but: noTopic,
  },
  'publishAll: options': {
    call: (value) => start().publishAll([{ topic: 'a', data: 'x' }], value as never),
    code: 'OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  'send: to': {
    call: (value) => start().send(value as never, { data: 'x' }),
    code: 'TARGET_INVALID',
  },
  'send: event to many': {
    call: (value) => start().send({ everyone: true }, value as never),
    code: 'EVENT_INVALID',
    takes: [],
  },
  'send: options': {
    call: (value) => start().send({ user: 'ada' }, { data: 'x' }, value as never),
    code: 'OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  'trace: question': {
    call: (value) => start().trace(value as never),
    code: 'QUERY_INVALID',
  },
  'user: id': {
    call: (value) =>
      start()
        .user(value as never)
        .send({ data: 'x' }),
    code: 'TARGET_INVALID',
    takes: ['an empty text'],
  },
  'probe: timeoutMs': {
    call: (value) => start().probe(value as never),
    code: 'OPTION_INVALID',
    takes: ['a number'],
  },
  'drain: sessionsPerSecond': {
    call: (value) => start().drain(value as never),
    code: 'OPTION_INVALID',
    takes: ['a number'],
  },
  'open: sink': {
    call: (value) => start().open(value as never, subscription),
    code: 'OPTION_INVALID',
  },
  'open: subscription': {
    call: (value) => start().open(new TestClient().connect(), value as never),
    code: 'OPTION_INVALID',
  },
  'open: subscription.topics': {
    call: (value) =>
      start().open(new TestClient().connect(), { ...subscription, topics: value as never }),
    code: 'OPTION_INVALID',
  },
  'open: owner': {
    call: (value) => start().open(new TestClient().connect(), subscription, value as never),
    code: 'OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  'open: user': owner('user'),
  'open: label': owner('label'),
  'open: group': owner('group'),
  'open: expiresAt': owner('expiresAt'),
  // Of what is no id there is no session.
  reach: {
    call: (value) => start().reach(value as never),
    code: 'OPTION_INVALID',
    takes: ['empty text'],
  },
  'reach: options': {
    call: (value) => start().reach('an id', value as never),
    code: 'OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  consumers: {
    call: (value) => void start().consumers(value as never),
    code: 'OPTION_INVALID',
  },
  'consumers: user': {
    call: (value) => void start().consumers({ user: value as never }),
    code: 'OPTION_INVALID',
  },
  'consumers: by': {
    call: (value) =>
      startAsking()
        .consumers({ user: 'ada', by: value as never })
        .list(),
    code: 'OPTION_INVALID',
    takes: ['undefined'],
  },
  'consumers.reset': {
    call: (value) =>
      start()
        .consumers({ user: 'ada' })
        .reset('main', value as never),
    code: 'CONSUMER_INVALID',
  },
  'consumers.reset: name': {
    call: (value) =>
      start()
        .consumers({ user: 'ada' })
        .reset(value as never, { since: 'now' }),
    code: 'CONSUMER_INVALID',
  },
  'consumers.reset: since': {
    call: (value) =>
      start()
        .consumers({ user: 'ada' })
        .reset('main', { since: value as never }),
    code: 'CONSUMER_INVALID',
  },
  'consumers.reset: cursor': {
    call: (value) =>
      start()
        .consumers({ user: 'ada' })
        .reset('main', { cursor: value as never }),
    code: 'CONSUMER_INVALID',
  },
  'consumers.delete: name': {
    call: (value) =>
      start()
        .consumers({ user: 'ada' })
        .delete(value as never),
    code: 'CONSUMER_INVALID',
  },
  'rules.startAt.replace': {
    call: (value) => start().rules.startAt.replace(value as never),
    code: 'RULE_INVALID',
    takes: ['an array'],
  },
  'rules.startAt.replace: a rule': {
    call: (value) => start().rules.startAt.replace([value as never]),
    code: 'RULE_INVALID',
  },
  'rules.compression.replace': {
    call: (value) => start().rules.compression.replace(value as never),
    code: 'RULE_INVALID',
    takes: ['an array'],
  },
  'rules.compression.replace: a rule': {
    call: (value) => start().rules.compression.replace([value as never]),
    code: 'RULE_INVALID',
  },
  'rules.rate.replace': {
    call: (value) => start().rules.rate.replace(value as never),
    code: 'RULE_INVALID',
    takes: ['an array'],
  },
  'rules.rate.replace: a rule': {
    call: (value) => start().rules.rate.replace([value as never]),
    code: 'RULE_INVALID',
  },
  'rules.subscribers.replace': {
    call: (value) => start().rules.subscribers.replace(value as never),
    code: 'RULE_INVALID',
    takes: ['an array'],
  },
  'rules.subscribers.replace: a rule': {
    call: (value) => start().rules.subscribers.replace([value as never]),
    code: 'RULE_INVALID',
  },
  'rules.retention.replace': {
    call: (value) => start().rules.retention.replace(value as never),
    code: 'RULE_INVALID',
    takes: ['an array'],
  },
  'rules.retention.replace: a rule': {
    call: (value) => start().rules.retention.replace([value as never]),
    code: 'RULE_INVALID',
  },
  'reach: by': {
    call: (value) =>
      startAsking()
        .reach('an id', { by: value as never })
        .end(),
    code: 'OPTION_INVALID',
  },
  'requirePermission: by': {
    call: (value) => start().requirePermission(value as never, 'admin'),
    code: 'OPTION_INVALID',
  },
  'requirePermission: name': {
    call: (value) => start().requirePermission(by, value as never),
    code: 'OPTION_INVALID',
  },
  openGranted: {
    call: (value) => start().openGranted(new TestClient().connect(), subscription, value as never),
    code: 'OPTION_INVALID',
  },
  'openGranted: owner': {
    call: (value) =>
      start().openGranted(new TestClient().connect(), subscription, { owner: value as never }),
    code: 'OPTION_INVALID',
  },
  'session.renew': {
    call: async (value) => (await openAsking()).renew(value as never),
    code: 'OPTION_INVALID',
    // A grant has no member that it must have; `0` is none that it may have.
    takes: objects.filter((name) => name !== 'a text object'),
  },
  'session.renew: subscribe': granted('subscribe', ['an array']),
  'session.renew: permissions': granted('permissions', ['an array']),
  'session.renew: claims': granted('claims', objects),
  'session.renew: recheckAfterMs': granted('recheckAfterMs'),
  'reach.renew': {
    call: (value) =>
      startAsking()
        .reach('x')
        .renew(value as never),
    code: 'OPTION_INVALID',
  },
  'reach.renew: by': {
    call: (value) =>
      startAsking()
        .reach('x')
        .renew({ by: value as never }),
    code: 'OPTION_INVALID',
  },
  session: { call: (value) => start().session(value as never), code: '', takes: everything },
  endStalled: {
    call: (value) => start().endStalled(value as never),
    code: 'OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  'endStalled: user': {
    call: (value) => start().endStalled({ user: value as never }),
    code: 'OPTION_INVALID',
    takes: ['empty text'],
  },
  sessions: {
    call: (value) => start().sessions(value as never),
    code: 'OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  'sessions: user': {
    call: (value) => start().sessions({ user: value as never }),
    code: 'OPTION_INVALID',
    takes: ['empty text'],
  },
  'send: event': {
    call: async (value) => (await open()).send(value as never),
    code: 'EVENT_INVALID',
  },
  'send: topic': {
    call: async (value) => (await open()).send({ topic: value as never, data: 'x' }),
    code: 'TOPIC_INVALID',
  },
  'send: type': {
    call: async (value) => (await open()).send({ type: value as never, data: 'x' }),
    code: 'EVENT_TYPE_INVALID',
    takes: ['empty text'],
  },
  changeTopics: {
    call: async (value) => (await open()).changeTopics(value as never),
    code: 'OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  'changeTopics: add': {
    call: async (value) => (await open()).changeTopics({ add: value as never }),
    code: 'OPTION_INVALID',
    takes: ['an array'],
  },
  'changeTopics: an added name': {
    call: async (value) => (await open()).changeTopics({ add: [value as never] }),
    code: 'OPTION_INVALID',
    but: { 'empty text': 'TOPIC_INVALID' },
  },
  'changeTopics: from': {
    call: async (value) => (await open()).changeTopics({ add: ['b'], from: value as never }),
    code: 'QUERY_INVALID',
  },
  setExpiry: {
    call: async (value) => (await open()).setExpiry(value as never),
    code: 'OPTION_INVALID',
  },
  'end: reason': {
    call: async (value) => (await open()).end(value as never),
    code: 'OPTION_INVALID',
  },
  'subscribe: request': {
    call: (value) => start().subscribe(value as never, {} as never),
    code: 'OPTION_INVALID',
  },
  parseQueryText: {
    call: (value) => hubDoor.parseQueryText(value as never),
    code: 'QUERY_INVALID',
    takes: ['empty text'],
  },
  hideCredentials: {
    call: (value) => hubDoor.hideCredentials(value as never),
    code: 'QUERY_INVALID',
    takes: ['empty text'],
  },
  fixGrant: {
    call: (value) => hubDoor.fixGrant(value as never),
    code: 'OPTION_INVALID',
    takes: objects.filter((name) => name !== 'a text object'),
  },
  readWhere: {
    call: (value) => hubDoor.readWhere(value),
    code: 'FILTER_INVALID',
    takes: objects,
  },
  readWhereTexts: {
    call: (value) => hubDoor.readWhereTexts(value as never),
    code: 'FILTER_INVALID',
    takes: ['an array'],
  },
  readTopicTokens: {
    call: (value) => hubDoor.readTopicTokens(value),
    code: 'QUERY_INVALID',
    takes: ['undefined', 'an array'],
  },
  'bringTopicTokens: facts': {
    call: (value) => hubDoor.bringTopicTokens(value as never, ['a']),
    code: 'OPTION_INVALID',
  },
  'plainRequest: facts': {
    call: (value) => hubDoor.plainRequest(value as never, 'read', []),
    code: 'OPTION_INVALID',
  },
  'onGranted: listener': {
    call: (value) => start().onGranted(value as never),
    code: 'OPTION_INVALID',
    takes: ['a function'],
  },
  'parseSubscriptionQuery: query': {
    call: (value) => parseSubscriptionQuery(value as never),
    code: 'QUERY_INVALID',
  },
  'parseSubscriptionQuery: lastEventId': {
    call: (value) => parseSubscriptionQuery(new URLSearchParams('topic=a'), value as never),
    code: 'QUERY_INVALID',
    takes: ['null', 'empty text'],
  },
  'parseSubscriptionQuery: options': {
    call: (value) =>
      parseSubscriptionQuery(new URLSearchParams('topic=a'), undefined, value as never),
    code: 'OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  'parseSubscriptionQuery: unknownParameters': {
    call: (value) =>
      parseSubscriptionQuery(new URLSearchParams('topic=a'), undefined, {
        unknownParameters: value as never,
      }),
    code: 'OPTION_INVALID',
  },
  parseSubscriptionBody: {
    call: (value) => parseSubscriptionBody(value),
    code: 'QUERY_INVALID',
    but: {
      ...Object.fromEntries(
        ['an object', 'an object without a prototype', 'a date'].map((name) => [
          name,
          'TOPIC_SET_INVALID',
        ]),
      ),
    },
  },
  'parseSubscriptionBody: topics': body('topics', { 'an array': 'TOPIC_SET_INVALID' }),
  'parseSubscriptionBody: a topic': {
    call: (value) => parseSubscriptionBody({ topics: ['a', value] }),
    code: 'QUERY_INVALID',
    but: { 'empty text': 'TOPIC_INVALID' },
  },
  'parseSubscriptionBody: since': body('since'),
  'parseSubscriptionBody: lastEventId': body('lastEventId', {}, ['empty text']),
  'parseSubscriptionBody: fields': body('fields', {}, ['an array']),
  'parseSubscriptionBody: event': body('event'),
  'parseSubscriptionBody: framing': body('framing'),
  'parseSubscriptionBody: eventsPerSecondMax': body('eventsPerSecondMax', {}, ['a number']),
  'parseSubscriptionBody: the header': {
    call: (value) => parseSubscriptionBody({ topics: ['a'] }, value as never),
    code: 'QUERY_INVALID',
    takes: ['null', 'empty text'],
  },
  addStats: {
    call: (value) => room.addStats(room.emptyStats, value as never),
    code: 'OPTION_INVALID',
  },
  'addStats: a group': {
    call: (value) => room.addStats({ ...room.emptyStats, now: value as never }, room.emptyStats),
    code: 'OPTION_INVALID',
    takes: ['an object', 'an object without a prototype', 'an array', 'a date'],
  },
  'addStats: a count': {
    call: (value) =>
      room.addStats({ ...room.emptyStats, refused: { FULL: value as never } }, room.emptyStats),
    code: 'OPTION_INVALID',
    takes: ['a number'],
  },
  checkBodyHeaders: {
    call: (value) => hubDoor.checkBodyHeaders(value as never),
    code: 'OPTION_INVALID',
    takes: [...objects, ...lists],
  },
  'checkBodyHeaders: contentType': {
    call: (value) =>
      hubDoor.checkBodyHeaders({ contentEncoding: undefined, contentType: value as never }),
    code: 'OPTION_INVALID',
    takes: ['empty text'],
  },
  'openStream: request': {
    call: (value) => fetchDoor.openStream(value as never),
    code: 'OPTION_INVALID',
  },
  // Frameworks call their handlers with arguments of their own.
  'openStream: options': {
    call: (value) => void openOwn(value as never).close(),
    code: 'OPTION_INVALID',
    takes: everything.filter((name) => !name.includes('throws') && !name.includes('revoked')),
  },
  'openStream: heartbeatMs': ownOption('heartbeatMs', number),
  'openStream: stalledAfterMs': ownOption('stalledAfterMs', ['null']),
  'openStream: clock': ownOption('clock'),
  'openStream: an event': {
    call: (value) => openOwn().send(value as never),
    code: 'EVENT_INVALID',
  },
  'openStream: the type of an event': {
    call: (value) => openOwn().send({ data: 'x', type: value as never }),
    code: 'EVENT_TYPE_INVALID',
    takes: ['empty text'],
  },
  'openStream: the data of an event': {
    call: (value) => openOwn().send({ data: value }),
    code: 'EVENT_INVALID',
    takes: ['a number', 'no number', 'null', 'true', 'empty text', ...objects, ...lists],
  },
  'openStream: the id of an event': {
    call: (value) => openOwn().send({ data: 'x', id: value as never }),
    code: 'EVENT_ID_INVALID',
  },
  'openStream: a comment': {
    call: (value) => openOwn().comment(value as never),
    code: 'EVENT_INVALID',
    takes: ['empty text'],
  },
  'openStream: a delay': {
    call: (value) => openOwn().retry(value as never),
    code: 'EVENT_INVALID',
    takes: ['a number'],
  },
  'openStream: a source': {
    call: (value) => openOwn().pipe(value as never),
    code: 'OPTION_INVALID',
  },
}

test.each(Object.entries(cases))('%s', async (_name, odd) => {
  expect(await tryOddValues(odd, 'ServerError')).toEqual(expectedOutcomes(odd))
})

test('every function that the room exports is among them', () => {
  // Classes of what the engine makes; what is told what was thrown; and what takes the response of a server.
  const exempt = ['CodedError', 'ServerError', 'Block']
  // Of options that createTidemark has checked.
  exempt.push('createPermit')
  exempt.push('translateLogError', 'answerError', 'answerCoded')
  // Of Node's own; and what is told of its requests and responses.
  exempt.push(
    'carrierOf',
    'declareFate',
    'describeRequest',
    'endLostConnection',
    'isHttp2',
    'isStreaming',
    'refusalOf',
    'sendAnswer',
  )
  exempt.push('refuse', 'setClientAddress')
  // Of the engine's own clock, and numbers of the platform.
  exempt.push('DueTimes', 'systemRandom')
  // Of a log that is open, and the name of a node.
  exempt.push('openNodes', 'SharedSessions')
  // Its own tests are those of presence.
  exempt.push('readPresenceData')
  // Of names that were checked.
  exempt.push('overlaps')
  const functions = Object.entries({ ...room, ...hubDoor, ...fetchDoor, ...nodeDoor })
    .filter(([name, value]) => typeof value === 'function' && !exempt.includes(name))
    .map(([name]) => name)
  const tide = start()
  const methods = [
    ...Object.getOwnPropertyNames(Object.getPrototypeOf(Object.getPrototypeOf(tide))),
    ...Object.keys(tide),
  ].filter((name) => {
    const isMethod = typeof Reflect.get(tide, name) === 'function'
    return (
      isMethod &&
      ![
        'constructor',
        'admit',
        'close',
        'compress',
        'onError',
        'pack',
        'pickRetryMs',
        'stats',
      ].includes(name)
    )
  })
  const tried = new Set(Object.keys(cases).map((name) => name.split(':', 1)[0]))
  expect(methods).toContain('publish')
  // Its own tests are below: it answers instead of throwing.
  tried.add('fetch')
  expect([...functions, ...methods].filter((name) => !tried.has(name))).toEqual([])
})

describe('what throws when it is read', () => {
  test.each(['topic', 'type', 'data', 'key', 'tags'])('%s of an event', async (name) => {
    const event = withThrowing({ topic: 'a', data: 'x' }, name)
    await expect(start().publishAll([event])).rejects.toMatchObject({ code: 'EVENT_INVALID' })
    if (name === 'topic') return
    // A promise that is rejected, not an error thrown at once.
    const published = start().publish('a', event)
    await expect(published).rejects.toMatchObject({ code: 'EVENT_INVALID' })
  })

  test('the data’s own toJSON, whatever it throws', async () => {
    for (const thrown of [new Error('no'), Object.create(null), Symbol('no'), undefined]) {
      const toJSON = (): never => {
        throw thrown
      }
      const published = start().publish('a', { data: { toJSON } })
      await expect(published).rejects.toMatchObject({ code: 'EVENT_INVALID' })
    }
  })

  test.each(['log', 'heartbeatMs', 'rules', 'clock', 'random'])('%s of a node', (name) => {
    const options = withThrowing({ log: memoryLog(), clock: systemClock }, name)
    expect(() => createTidemark(options)).toThrow(
      expect.objectContaining({ name: 'ServerError', code: 'OPTION_INVALID' }),
    )
  })

  test.each(['topics', 'since', 'fields'])('%s of a body', (name) => {
    expect(() => parseSubscriptionBody(withThrowing({ topics: ['a'] }, name))).toThrow(
      expect.objectContaining({ name: 'ServerError', code: 'QUERY_INVALID' }),
    )
  })
})

test('a log that is still a promise is refused with what to do', () => {
  const log = Promise.resolve(memoryLog()) as never
  expect(() => createTidemark({ log })).toThrow(/await openLmdbLog/)
})

test('a number as text is no number: 15000 and "15000" are not compared alike', () => {
  expect(() => make({ heartbeatMs: '15000' })).toThrow(/heartbeatMs must be .*got "15000"/)
})

test('draining at no pace at all is refused, and does not go on for ever', async () => {
  for (const pace of [0, -1, Number.NaN]) {
    await expect(start().drain(pace)).rejects.toMatchObject({ code: 'OPTION_INVALID' })
  }
})

describe('the doors answer instead of rejecting', () => {
  const request = new Request('http://localhost/?topic=a')

  test.each(everything)('tide.fetch, given %s as its request', async (name) => {
    const response = await start().fetch(oddValues[name]?.() as never)
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'OPTION_INVALID' })
  })

  // Frameworks call their handlers with arguments of their own; only what can be none of theirs is a mistake.
  const foreign = everything.filter((name) => !name.includes('throws') && !name.includes('revoked'))

  async function ask(door: 'fetch' | 'subscribe', options: unknown): Promise<Response> {
    const tide = start()
    if (door === 'fetch') return tide.fetch(request, options as never)
    const server = await serve((given, response) => {
      void tide.subscribe(given, response, options as never)
    })
    onTestFinished(() => server.close())
    return fetch(`http://127.0.0.1:${server.port}/?topic=a`)
  }

  describe.each(['fetch', 'subscribe'] as const)('tide.%s', (door) => {
    test.each(foreign)('given %s as its options opens the stream', async (name) => {
      const response = await ask(door, oddValues[name]?.())
      expect(response.status).toBe(200)
      await response.body?.cancel()
    })

    test.each(everything)('given %s as its topics says so', async (name) => {
      const response = await ask(door, { topics: oddValues[name]?.() })
      expect(response.status).toBe(500)
      expect(await response.json()).toMatchObject({ code: 'OPTION_INVALID' })
    })

    test.each(everything)('given %s as its user or its beginning says so', async (name) => {
      for (const option of ['user', 'since']) {
        const response = await ask(door, { topics: ['a'], [option]: oddValues[name]?.() })
        expect(response.status).toBe(500)
        expect(await response.json()).toMatchObject({ code: 'OPTION_INVALID' })
      }
    })

    test('given options that throw says so', async () => {
      const response = await ask(door, withThrowing({}, 'topics'))
      expect(response.status).toBe(500)
      expect(await response.json()).toMatchObject({ code: 'OPTION_INVALID' })
    })
  })

  test.each([
    ['fetch', { compression: 'false' }],
    ['subscribe', { way: 'socket' }],
    ['subscribe', { readBody: 'json' }],
  ] as const)('tide.%s, given %j', async (door, options) => {
    const response = await ask(door, options)
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ code: 'OPTION_INVALID' })
  })
})
