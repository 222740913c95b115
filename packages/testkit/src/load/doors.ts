// All doors of a run, by name.

import { curlDoor } from './curl-door.ts'
import type { Door } from '../traffic/door.ts'
import { http1Door } from '../traffic/http1-door.ts'
import { createHttp2Door } from './http2-door.ts'
import type { DoorName } from './plan.ts'

export type Doors = Readonly<Record<DoorName, Door>>

export function createDoors(): Doors {
  return {
    http1: http1Door,
    curl: curlDoor,
    http2: createHttp2Door({ streamsPerConnection: 16 }),
    'http2-shut': createHttp2Door({ streamsPerConnection: 4, initialWindowSize: 0 }),
  }
}
