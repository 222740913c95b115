// 100 MiB published past sessions that read slowly or not at all: memory stays, and fast sessions do
// not notice.

import { readMemory, readSocketQueues } from '@tidemark/testkit'
import type { Memory } from '@tidemark/testkit'
import { textPayload } from '../payload.ts'
import type { RunningPeer } from '../server.ts'
import { hub } from '../servers/hub.ts'
import { missingOf, runLoad, withServer } from '../workload.ts'
import type { Contender, Figures, Workload } from '../workload.ts'

const topic = 'bench/1'
const eventBytes = 4_096
const eventsPerSecond = 1_280
const fastSessions = 20
const slowSessions = 100
const slowBytesPerSecond = 20 * 1_024
const sampleMs = 250
const mebibyte = 1_048_576

export const slowClients: Workload = {
  name: 'slow-clients',
  title: 'Our hub: 100 MiB past 100 stalled and 100 slow sessions',
  text: `${eventsPerSecond} events of 4 KiB per second for 20 s to ${fastSessions} fast sessions. Beside them are no slow sessions, or 100 that read nothing and 100 that read 20 KiB/s. Growth is that of the largest sample (four a second) over the first. Memory is what the process holds for itself. Pages of the log's file that are mapped stand beside it, because the kernel takes those back when it needs them. Socket queues are the kernel's: bytes on their way in both ends of the connections to the hub.`,
  figures: [
    { key: 'p99', title: 'fast sessions p99 ms', digits: 1 },
    { key: 'p50', title: 'p50 ms', digits: 1 },
    { key: 'growth', title: 'memory growth MiB', digits: 1 },
    { key: 'peak', title: 'memory peak MiB', digits: 1 },
    { key: 'mapped', title: 'mapped log growth MiB', digits: 1 },
    { key: 'sockets', title: 'socket queues peak MiB', digits: 1 },
    { key: 'published', title: 'MiB published', digits: 0 },
    { key: 'missing', title: 'missing to fast ones', digits: 0 },
    { key: 'closed', title: 'closed by the hub', digits: 0 },
  ],
  contenders: () => [contend('with slow sessions', true), contend('without', false)],
  goals: [
    { figure: 'growth', of: 'with slow sessions', atMost: 64 },
    { figure: 'p99', of: 'with slow sessions', against: 'without', atMost: 1.5 },
    { figure: 'missing', of: 'with slow sessions', atMost: 0 },
  ],
}

interface Sample extends Memory {
  readonly socketBytes: number
}

function contend(name: string, isWithSlow: boolean): Contender {
  return {
    name,
    measure: (settings) =>
      withServer(hub.start, async (peer) => {
        const windowMs = settings.isQuick ? 5_000 : 20_000
        const requests = [peer.subscribeRequest([topic])]
        const count = isWithSlow ? slowSessions : 0
        const samples: Sample[] = []
        const outcome = await runLoad(peer, settings, {
          groups: [
            { name: 'fast', connections: fastSessions, requests },
            { name: 'slow', connections: count, requests, bytesPerSecond: slowBytesPerSecond },
            { name: 'stalled', connections: count, requests, bytesPerSecond: -1 },
          ],
          publishing: {
            requests: [peer.publishRequest(topic, textPayload(eventBytes))],
            eventsPerSecond,
            connections: 8,
          },
          // Until heap and buffers have the size they need for this rate.
          warmupMs: settings.isQuick ? 1_000 : 4_000,
          windowMs,
          onWindow: () => sampleFor(windowMs, () => samples.push(takeSample(peer))),
        })
        return {
          ...describeSamples(samples),
          p99: outcome.groups[0]?.latency?.p99 ?? Number.NaN,
          p50: outcome.groups[0]?.latency?.p50 ?? Number.NaN,
          published: (outcome.publishedInWindow * eventBytes) / mebibyte,
          missing: missingOf(outcome),
          closed: outcome.groups.reduce((sum, { closed }) => sum + closed, 0),
        }
      }),
  }
}

function takeSample(peer: RunningPeer): Sample {
  return { ...readMemory(peer.pids()), socketBytes: readSocketQueues(peer.port) }
}

function describeSamples(samples: readonly Sample[]): Figures {
  const growth = (of: (sample: Sample) => number): number => {
    const values = samples.map(of)
    return (Math.max(...values) - (values[0] ?? Number.NaN)) / mebibyte
  }
  return {
    growth: growth((sample) => sample.anonymousBytes),
    peak: Math.max(...samples.map((sample) => sample.anonymousBytes)) / mebibyte,
    mapped: growth((sample) => sample.fileBytes),
    sockets: Math.max(...samples.map((sample) => sample.socketBytes)) / mebibyte,
  }
}

function sampleFor(milliseconds: number, sample: () => void): Promise<void> {
  return new Promise((resolve) => {
    sample()
    const timer = setInterval(sample, sampleMs)
    setTimeout(() => {
      clearInterval(timer)
      resolve()
    }, milliseconds - sampleMs)
  })
}
