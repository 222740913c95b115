// The first signal and the second.

import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { onSignals } from '../src/signals.ts'

test('a second signal is impatience, unless it is the same Ctrl-C handed on', () => {
  const source = new EventEmitter()
  const heard: string[] = []
  let now = 1_000
  const clock = { now: () => now, after: () => ({ cancel: () => undefined }) }
  onSignals(
    {
      onStop: (code) => heard.push(`stop ${code}`),
      onAgain: (code) => heard.push(`again ${code}`),
    },
    source,
    clock,
  )
  source.emit('SIGINT')
  now += 499
  source.emit('SIGINT')
  expect(heard).toEqual(['stop 130'])
  now += 1
  source.emit('SIGTERM')
  expect(heard).toEqual(['stop 130', 'again 143'])
})

test('a terminal that is closed asks for a tidy end, as Ctrl-C does', () => {
  const source = new EventEmitter()
  const heard: number[] = []
  onSignals({ onStop: (code) => heard.push(code) }, source)
  source.emit('SIGHUP')
  expect(heard).toEqual([129])
})

test('SIGHUP is no end where it asks for something else, and the other signals still are', () => {
  const source = new EventEmitter()
  const heard: string[] = []
  onSignals(
    { onStop: (code) => heard.push(`stop ${code}`), onHangUp: () => heard.push('look') },
    source,
  )
  source.emit('SIGHUP')
  source.emit('SIGHUP')
  source.emit('SIGTERM')
  expect(heard).toEqual(['look', 'look', 'stop 143'])
})
