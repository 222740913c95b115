// All servers that take part; ours first.

import type { PeerServer } from '../server.ts'
import { betterSse } from './better-sse.ts'
import { centrifuge, centrifugeDelay, centrifugeHistory } from './centrifuge.ts'
import { centrifugo } from './centrifugo.ts'
import { floor } from './floor.ts'
import { hub } from './hub.ts'
import { mercure, mercureBolt } from './mercure.ts'
import { nchan } from './nchan.ts'
import { plain } from './plain.ts'
import { pushpin } from './pushpin.ts'

export const servers: readonly PeerServer[] = [
  hub,
  plain,
  betterSse,
  nchan,
  mercure,
  mercureBolt,
  centrifuge,
  centrifugeHistory,
  centrifugeDelay,
  centrifugo,
  pushpin,
  floor,
]
