// 10,000 sessions to which nothing is sent: what each of them holds.

import { readMemory } from '@tidemark/testkit'
import type { PeerServer } from '../server.ts'
import { runLoad, withServer } from '../workload.ts'
import type { Contender, Workload } from '../workload.ts'

const topic = 'bench/1'
/** Connection heads and other garbage of the beginning are gone by then, where the server lets them go. */
const settleMs = 5_000

export const idleMemory: Workload = {
  name: 'idle-memory',
  title: '10,000 idle sessions',
  text: `Proportional set size of all of the server's processes, ${settleMs / 1_000} s after the last of 10,000 sessions of one topic was opened. The size before the first is taken off. Socket buffers of the kernel are not in it.`,
  figures: [
    { key: 'perSession', title: 'KB per session', digits: 1 },
    { key: 'empty', title: 'MB when empty', digits: 1 },
    { key: 'full', title: 'MB with them', digits: 1 },
    { key: 'opened', title: 'sessions opened', digits: 0 },
  ],
  // The bound of the other works keeps nothing but a number per session.
  contenders: (peers) => peers.filter(({ name }) => name !== 'floor').map(contend),
  goals: [{ figure: 'perSession', of: 'hub', atMost: 9 }],
}

function contend(server: PeerServer): Contender {
  return {
    name: server.name,
    measure: (settings) =>
      withServer(server.start, async (peer) => {
        const empty = readMemory(peer.pids()).totalBytes
        let full = Number.NaN
        const outcome = await runLoad(peer, settings, {
          groups: [
            {
              name: 'idle',
              connections: settings.isQuick ? 2_000 : 10_000,
              requests: [peer.subscribeRequest([topic])],
            },
          ],
          warmupMs: settleMs,
          windowMs: 500,
          onWindow: () => {
            full = readMemory(peer.pids()).totalBytes
            return Promise.resolve()
          },
        })
        const opened = outcome.groups[0]?.opened ?? 0
        return {
          perSession: (full - empty) / opened / 1_024,
          empty: empty / 1_048_576,
          full: full / 1_048_576,
          opened,
        }
      }),
  }
}
