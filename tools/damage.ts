// `npm run test:damage -- --rounds 2000 --seed 7`: damaged copies of a log, opened by processes of
// their own, at any length.

import { parseArgs } from 'node:util'
import { runDamageRounds } from '../packages/log-lmdb/test/damage-rounds.ts'

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '2000' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 0x7fff_ffff)) },
  },
})
const size = { rounds: Number(values.rounds), seed: Number(values.seed) }
console.log(`${size.rounds} rounds, seed ${size.seed}`)
const { figures, violations } = await runDamageRounds(size)
for (const [name, { told, exact }] of Object.entries(figures))
  console.log(
    `${name.padEnd(34)} told ${String(told).padStart(5)}   exact ${String(exact).padStart(5)}`,
  )
for (const violation of violations) console.log(violation)
console.log(`${violations.length} violations`)
if (violations.length > 0) process.exitCode = 1
