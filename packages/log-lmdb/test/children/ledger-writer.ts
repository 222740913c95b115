// A process that writes to a ledger of a directory until it is killed or done. It reports
// acknowledged sets, claims it has won, and digests. A digest covers the whole ledger, at every
// position whose sequence is a multiple of 64.

import { openLmdbLog } from '@tidemark/log-lmdb'
import { openLedger } from '@tidemark/log'
import { LedgerDigest, sayDigests, textCodec } from '../ledger-digest.ts'

const [directory = '', name = '', sets = '0', claims = '0'] = process.argv.slice(2)
const say = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`)
const log = await openLmdbLog({ directory, durability: 'commit' })
const ledger = await openLedger(log, 'raced', { codec: textCodec })
const digest = new LedgerDigest(ledger)
sayDigests(ledger, digest, say)
say('ready')

const lanes = 16

/** Keys of its own per lane are set in order; those that all processes share are set and deleted. */
async function writeLane(lane: number): Promise<void> {
  for (let i = lane, step = 0; i < Number(sets); i += lanes, step++) {
    const value = `${name}:${i}`
    if (step % 3 === 0) {
      if (step % 4 === 0) await ledger.delete(`shared/${i % 97}`)
      else await ledger.set(`shared/${i % 97}`, value, { expiresAt: Date.now() + 3_600_000 })
      continue
    }
    const key = `${name}/${lane}/${step % 13}`
    await ledger.set(key, value)
    if (step % 10 === 1) say({ acknowledged: key, index: i })
  }
}

async function claimAll(): Promise<void> {
  for (let i = 0; i < Number(claims); i++) {
    const { isWon, value } = await ledger.claim(`claim/${i}`, `${name}:${process.pid}`)
    say({ claim: i, isWon, value })
  }
}

await Promise.all([claimAll(), ...Array.from({ length: lanes }, (_, lane) => writeLane(lane))])
say('done')
for await (const _ of process.stdin) break
await log.close()
