// The model of a server matches topics as the real one does.

import { matchesPattern, parsePattern, parseTopic } from '@tidemark/log'
import { expect, test } from 'vitest'
import { matches } from './model-server.ts'

test('topics are matched as the server matches them', () => {
  const parts = ['a', 'b', '$hub', '*', '**']
  const texts = parts.flatMap((one) => [
    one,
    ...parts.flatMap((two) => [`${one}/${two}`, ...parts.map((three) => `${one}/${two}/${three}`)]),
  ])
  const topics = texts.filter((text) => !text.includes('*'))
  const patterns = texts.filter((text) => text.includes('*') && !/\*\*\//.test(text))
  for (const pattern of patterns) {
    for (const topic of topics) {
      const expected = matchesPattern(parsePattern(pattern), parseTopic(topic))
      expect([pattern, topic, matches(pattern, topic)]).toEqual([pattern, topic, expected])
    }
  }
  expect(patterns.length * topics.length).toBeGreaterThan(1_000)
})
