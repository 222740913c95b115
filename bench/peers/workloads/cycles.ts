// 100,000 sessions that connect and leave at random moments: whether anything of them stays behind.

import { fileURLToPath } from 'node:url'
import { findFreePort } from '@tidemark/testkit'
import type { EngineStatistics } from '../children/engine-server.ts'
import { textPayload } from '../payload.ts'
import type { RunningPeer, StartOptions } from '../server.ts'
import { startServerProcess } from '../server-process.ts'
import { getRequest, postRequest } from '../servers/requests.ts'
import { runLoad, withServer } from '../workload.ts'
import type { Figures, RunSettings, Workload } from '../workload.ts'

const topics = 997
const connections = 300
const lifeMs = 60
const eventsPerSecond = 500
/** Bytes. Twice what chance amounts to in 100,000 cycles, and an eighth of an empty object in an array. */
const slopeBytesMax = 8

export const cycles: Workload = {
  name: 'cycles',
  title: 'Our engine: 100,000 sessions come and go',
  text: `${connections} connections at a time to ${topics} topics, each closed after 0 to ${lifeMs} ms, half of them by a reset. That is before, during and after the answer, while ${eventsPerSecond} events per second are published. The engine runs in a \`node:http\` server. Memory and objects are counted before the cycles, after them, and after as many again. 40,000 others come first, in which V8 compiles and the pools of Node and of the allocator fill. Each time the node's 1,024 recent records have been filled with events that nobody got. V8 has collected its garbage and given back the empty pages of its young generation. V8 compiles by chance, which moves the heap by up to 0.4 MB. A cycle's remains show in the growth of the heap over the second 100,000, divided by their number. One empty object kept per cycle makes it about 65 bytes.`,
  figures: [
    { key: 'ratio', title: 'heap after / before', digits: 3 },
    { key: 'before', title: 'heap before MB', digits: 2 },
    { key: 'after', title: 'after MB', digits: 2 },
    { key: 'again', title: 'after as many again MB', digits: 2 },
    { key: 'slope', title: 'heap bytes per further cycle', digits: 1 },
    { key: 'rss', title: 'resident after / before', digits: 3 },
    { key: 'rssAfter', title: 'resident after MB', digits: 1 },
    { key: 'rssAgain', title: 'after as many again MB', digits: 1 },
    { key: 'sessions', title: 'sessions left', digits: 0 },
    { key: 'audiences', title: 'audiences', digits: 0 },
    { key: 'responses', title: 'responses', digits: 0 },
    { key: 'sockets', title: 'more sockets', digits: 0 },
    { key: 'timers', title: 'more timers', digits: 0 },
    { key: 'cycles', title: 'cycles', digits: 0 },
    { key: 'perSecond', title: 'cycles/s', digits: 0 },
  ],
  contenders: () => [{ name: 'engine', measure }],
  goals: [
    { figure: 'ratio', of: 'engine', atMost: 1.05 },
    { figure: 'rss', of: 'engine', atMost: 1.05 },
    { figure: 'slope', of: 'engine', atMost: slopeBytesMax },
    ...['sessions', 'audiences', 'responses', 'sockets', 'timers'].map((figure) => ({
      figure,
      of: 'engine',
      atMost: 0,
    })),
  ],
}

async function startEngine({ directory }: StartOptions): Promise<RunningPeer> {
  const port = await findFreePort()
  const script = fileURLToPath(new URL('../children/engine-server.ts', import.meta.url))
  const child = await startServerProcess({
    command: process.execPath,
    args: ['--expose-gc', script, String(port)],
    port,
    directory,
  })
  return {
    port,
    subscribeRequest: ([topic = '']) => getRequest(`/events?topic=${topic}`),
    publishRequest: (topic, data) => postRequest(`/publish?topic=${topic}`, data),
    pids: () => [child.pid],
    stop: () => child.stop(),
  }
}

function measure(settings: RunSettings): Promise<Figures> {
  return withServer(startEngine, async (peer) => {
    const cycle = (count: number) =>
      runLoad(peer, settings, {
        groups: [
          {
            name: 'cycling',
            connections,
            requests: Array.from({ length: topics }, (_, i) =>
              peer.subscribeRequest([`cycle/${i}`]),
            ),
            isChecked: false,
          },
        ],
        publishing: {
          requests: Array.from({ length: 60 }, (_, i) =>
            peer.publishRequest(`cycle/${i}`, textPayload(128)),
          ),
          eventsPerSecond,
        },
        warmupMs: 0,
        windowMs: 0,
        cycles: { count, lifeMs },
      })
    await cycle(20_000)
    await readStatistics(peer)
    await cycle(20_000)
    const before = await readStatistics(peer)
    const count = settings.isQuick ? 10_000 : 100_000
    const outcome = await cycle(count)
    const after = await readStatistics(peer)
    const further = await cycle(count)
    const again = await readStatistics(peer)
    return {
      ratio: after.heapBytes / before.heapBytes,
      before: before.heapBytes / 1_000_000,
      after: after.heapBytes / 1_000_000,
      again: again.heapBytes / 1_000_000,
      slope: (again.heapBytes - after.heapBytes) / further.cycles,
      rss: after.residentBytes / before.residentBytes,
      rssAfter: after.residentBytes / 1_000_000,
      rssAgain: again.residentBytes / 1_000_000,
      sessions: again.sessions,
      audiences: again.audiences,
      responses: again.responses,
      sockets: again.sockets - before.sockets,
      timers: again.timers - before.timers,
      cycles: outcome.cycles + further.cycles,
      perSecond: outcome.cycles / (outcome.windowMs / 1_000),
    }
  })
}

/**
 * Counted by the engine's process when the last connections are closed there too. Asked twice. The
 * first question leaves behind what asking takes, and 1 MB of code from the process's start that only
 * its later collections free.
 */
async function readStatistics(peer: RunningPeer): Promise<EngineStatistics> {
  await askStatistics(peer)
  return askStatistics(peer)
}

async function askStatistics(peer: RunningPeer): Promise<EngineStatistics> {
  const response = await fetch(`http://127.0.0.1:${peer.port}/statistics`)
  if (!response.ok) throw new Error(`The engine's process answered ${response.status}.`)
  return (await response.json()) as EngineStatistics
}
