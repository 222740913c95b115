// All pieces of work, in the order of the page.

import type { Workload } from '../workload.ts'
import { compression } from './compression.ts'
import { cycles } from './cycles.ts'
import { fanOut } from './fan-out.ts'
import { idleLatency } from './idle-latency.ts'
import { idleMemory } from './idle-memory.ts'
import { sharedTopic } from './shared-topic.ts'
import { slowClients } from './slow-clients.ts'
import { throughput } from './throughput.ts'
import { workers } from './workers.ts'

export const workloads: readonly Workload[] = [
  fanOut,
  throughput,
  idleLatency,
  idleMemory,
  sharedTopic,
  slowClients,
  cycles,
  compression,
  workers,
]
