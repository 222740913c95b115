// Loaded into a hub's process by bench/refused-memory.ts: on SIGUSR2 it collects its garbage, and writes how
// many bytes are held to a file.

import { writeFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

process.on('SIGUSR2', () => {
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  writeFileSync(process.env['BENCH_HEAP_FILE'] ?? '', String(heapUsed + external))
})
