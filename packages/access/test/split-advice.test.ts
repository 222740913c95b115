// The two parts of a message: what is wrong, and what to do.

import { expect, test } from 'vitest'
import { splitAdvice } from '../src/explain/split-advice.ts'

test.each([
  ['It has ended 3 s ago. Get a new one.', 'It has ended 3 s ago.', 'Get a new one.'],
  ['It is bad. It is for ada. Ask for yours.', 'It is bad. It is for ada.', 'Ask for yours.'],
  ['Set auth.issuer to 1.5 s.', 'Set auth.issuer to 1.5 s.', undefined],
  [
    'May not read "a. B", or "c\\". D". Leave it out.',
    'May not read "a. B", or "c\\". D".',
    'Leave it out.',
  ],
  ['Is it yours? Show it.', 'Is it yours?', 'Show it.'],
  ['got "a. B', 'got "a.', 'B'],
  ['', '', undefined],
])('%j has its advice at the end', (message, detail, advice) => {
  expect(splitAdvice(message)).toEqual({ detail, advice })
})

test('a message of many quotes is split in a moment', () => {
  const message = `${'"'.repeat(100_001)}\\${'. A'.repeat(1_000)}`
  expect(splitAdvice(message).detail.length).toBeGreaterThan(0)
})
