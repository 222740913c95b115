// More clients at once than file descriptors: nobody is cut without an answer.

import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { listChildren, startHubProcess, waitForCount, waitUntil } from '@tidemark/testkit'
import type { HubProcess } from '@tidemark/testkit'
import { expect, onTestFinished, test } from 'vitest'
import { beginStream } from './support/live-stream.ts'
import type { LiveStream } from './support/live-stream.ts'
import { makeDirectory } from './support/test-hub.ts'

/**
 * Of each process; see descriptors.ts: 180 sessions per worker, and 192 connections on their way to
 * workers.
 */
const filesMax = 300

async function startSmallHub({ maxSessions = 10_000 } = {}): Promise<
  HubProcess & { readonly supervisor: number }
> {
  const dataDirectory = await makeDirectory()
  const args = ['--workers', '2', '--max-sessions', String(maxSessions)]
  const hub = await startHubProcess({ dataDirectory, args, filesMax })
  onTestFinished(() => hub.stop())
  const { pid } = hub
  if (pid === undefined) throw new Error('A hub that answers has a process.')
  return Object.assign(hub, { supervisor: pid })
}

const countReady = (streams: readonly LiveStream[]): number =>
  streams.filter(({ text, isClosed }) => text.includes('event: tidemark.ready') && !isClosed).length

const countSentAway = (streams: readonly LiveStream[]): number =>
  streams.filter(
    ({ text, isClosed }) => /^retry: \d+$/m.test(text) && text.includes('tidemark.bye') && isClosed,
  ).length

const countCut = (streams: readonly LiveStream[]): number =>
  streams.filter(({ text, isClosed }) => text === '' && isClosed).length

const countAnswered = (streams: readonly LiveStream[]): number =>
  countReady(streams) + countSentAway(streams) + countCut(streams)

const countConnected = (streams: readonly LiveStream[]): number =>
  streams.filter(({ socket }) => !socket.connecting).length

test('a hub with too few file descriptors says so at its start, serves what it can, and tells all others when to come back', async () => {
  const hub = await startSmallHub()
  expect(hub.output).toContain(
    'A process may have 300 files open, and --max-sessions 10000 needs 6100 in each of 2 workers: each worker holds 180 sessions at most',
  )
  const streams = Array.from({ length: 700 }, () => beginStream(hub.port, 'topic=a'))
  await waitForCount('all are answered', () => countAnswered(streams), streams.length)
  expect(countCut(streams)).toBe(0)
  expect(countReady(streams)).toBe(360)
  expect(hub.output).not.toContain('no file descriptors left')
})

test('a wave that comes while no worker takes connections waits in the kernel, and all of it is served', async () => {
  const hub = await startSmallHub()
  const workers = listChildren(hub.supervisor)
  for (const worker of workers) process.kill(worker, 'SIGSTOP')
  onTestFinished(() => {
    for (const worker of listChildren(hub.supervisor)) process.kill(worker, 'SIGCONT')
  })
  const streams = Array.from({ length: 340 }, () => beginStream(hub.port, 'topic=a'))
  const countFiles = (): number => readdirSync(`/proc/${hub.supervisor}/fd`).length
  const idle = countFiles()
  await waitUntil('those are accepted for whom there is a place', () => countFiles() >= idle + 190)
  await waitForCount('all are connected', () => countConnected(streams), streams.length)
  for (const worker of workers) process.kill(worker, 'SIGCONT')
  await waitForCount('all are answered', () => countAnswered(streams), streams.length)
  expect([countCut(streams), countReady(streams)]).toEqual([0, 340])
})

test('workers that die while a wave waits are replaced, and the wave is served', async () => {
  const hub = await startSmallHub()
  const workers = listChildren(hub.supervisor)
  for (const worker of workers) process.kill(worker, 'SIGSTOP')
  const streams = Array.from({ length: 340 }, () => beginStream(hub.port, 'topic=a'))
  await waitForCount('all are connected', () => countConnected(streams), streams.length)
  const countFiles = (): number => readdirSync(`/proc/${hub.supervisor}/fd`).length
  await waitUntil('the door is shut', () => countFiles() > 192)
  for (const worker of workers) process.kill(worker, 'SIGKILL')
  // With neither a worker nor an open port there is nothing that would keep the process, but it must not end.
  for (let round = 0; round < 3; round++) {
    await waitUntil('others are started', () => listChildren(hub.supervisor).length === 2)
    for (const worker of listChildren(hub.supervisor)) {
      try {
        process.kill(worker, 'SIGKILL')
      } catch {
        // It has ended by itself since it was listed.
      }
    }
  }
  const count = (): number => {
    if (hub.isEnded) throw new Error(`The hub has ended: ${hub.output}`)
    return countAnswered(streams)
  }
  // A worker that is there before the other one may be full meanwhile, and tells some to come back.
  await waitForCount('all are answered', count, streams.length)
  // One was on its way to each of them.
  expect(countCut(streams)).toBeLessThanOrEqual(workers.length)
})

test('workers that had no file descriptors for a moment get connections again, and those lost meanwhile are served', async () => {
  const hub = await startSmallHub()
  const workers = listChildren(hub.supervisor)
  const allow = (files: number): void => {
    for (const pid of workers)
      execFileSync('prlimit', ['--pid', String(pid), `--nofile=${files}:${filesMax}`])
  }
  allow(8)
  const lost = Array.from({ length: 4 }, () => beginStream(hub.port, 'topic=a'))
  await waitUntil('they say so', () => hub.output.split('no file descriptors left').length === 3)
  allow(filesMax)
  const others = Array.from({ length: 6 }, () => beginStream(hub.port, 'topic=a'))
  await waitForCount('all are served', () => countReady([...lost, ...others]), 10)
  expect(listChildren(hub.supervisor)).toEqual(workers)
})

test('while one of two workers stands still for a moment nobody is told that the hub is full', async () => {
  const hub = await startSmallHub({ maxSessions: 20 })
  const [worker = 0] = listChildren(hub.supervisor)
  const held = beginStream(hub.port, 'topic=a')
  await waitForCount('one is open', () => countReady([held]), 1)
  process.kill(worker, 'SIGSTOP')
  onTestFinished(() => void process.kill(worker, 'SIGCONT'))
  const streams = Array.from({ length: 19 }, () => beginStream(hub.port, 'topic=a'))
  await waitForCount('the other worker is full', () => countAnswered(streams), 9)
  process.kill(worker, 'SIGCONT')
  await waitForCount('all are answered', () => countAnswered(streams), streams.length)
  expect([countCut(streams), countReady(streams)]).toEqual([0, 19])
})
