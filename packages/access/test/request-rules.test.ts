// Rules about the headers of requests: off, told, or refused.

import { expect, test } from 'vitest'
import { findBrokenRule, refuseBroken } from '../src/hub/index.ts'
import type { RequestRules } from '../src/hub/index.ts'

const off: RequestRules = { headers: 'off', userAgent: 'off' }
const browser = { 'user-agent': 'Mozilla/5.0 (X11; Linux) Firefox/140.0', accept: '*/*' }

function find(headers: Readonly<Record<string, string>>, rules: Partial<RequestRules>) {
  return findBrokenRule((name) => headers[name], { ...off, ...rules })
}

test.each<[string, Readonly<Record<string, string>>, Partial<RequestRules>, string | undefined]>([
  ['a browser', browser, { headers: 'refuse', userAgent: 'refuse' }, undefined],
  ['curl', { 'user-agent': 'curl/8.5.0', accept: '*/*' }, { userAgent: 'refuse' }, undefined],
  ['nothing', {}, {}, undefined],
  ['nothing', {}, { headers: 'refuse' }, 'missing-header refuse'],
  ['an empty accept', { ...browser, accept: ' ' }, { headers: 'log' }, 'missing-header log'],
  [
    'a short name',
    { ...browser, 'user-agent': 'x/1' },
    { userAgent: 'refuse' },
    'user-agent refuse',
  ],
  [
    'a bot',
    { ...browser, 'user-agent': 'Mozilla GoogleBot/2.1' },
    { userAgent: 'log' },
    'user-agent log',
  ],
  [
    'a crawler',
    { ...browser, 'user-agent': 'my CRAWLER 1.0' },
    { userAgent: 'log' },
    'user-agent log',
  ],
  [
    'a script',
    { ...browser, 'user-agent': 'python-script/1' },
    { userAgent: 'log' },
    'user-agent log',
  ],
  ['no agent, which another rule is about', { accept: '*/*' }, { userAgent: 'refuse' }, undefined],
])('a request of %s breaks the rules that are on: %o %o → %s', (...[, headers, rules, broken]) => {
  const found = find(headers, rules)
  expect(found && `${found.kind} ${found.mode}`).toBe(broken)
})

test('of two broken rules the one that refuses counts', () => {
  const found = find({ 'user-agent': 'x' }, { headers: 'log', userAgent: 'refuse' })
  expect(found).toMatchObject({ kind: 'user-agent', mode: 'refuse' })
  expect(() => found && refuseBroken(found)).toThrow(
    expect.objectContaining({ code: 'REQUEST_SUSPICIOUS', status: 403 }),
  )
})
