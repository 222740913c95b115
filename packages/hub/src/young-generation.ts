// How much memory V8 keeps for young objects, in a process that is a hub and nothing else.

import { setFlagsFromString } from 'node:v8'

/**
 * Keeps the young generation at the size it has when the hub has started (2 × 8 MiB on Node 24). By
 * default a wave of 10,000 connects makes it grow to 2 × 64 MiB, which stays: 10 KB per session, more
 * than the session itself. It costs more frequent small collections. V8 reads this flag each time
 * before it grows; a version that does not know it grows as ever.
 */
export function boundYoungGeneration(): void {
  setFlagsFromString('--semi-space-growth-factor=1')
}
