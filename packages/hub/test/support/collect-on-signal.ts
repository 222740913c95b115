// Loaded into a hub's process by a test: on SIGUSR2 it collects its garbage, so that what is measured
// is what it holds.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

process.on('SIGUSR2', () => collect())
