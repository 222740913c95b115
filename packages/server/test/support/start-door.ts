// One door of a node, for one test of the contract of doors.

import type { Tidemark, TidemarkOptions } from '../../src/index.ts'
import type { Ask, DoorAnswer, OpenDoor } from './doors.ts'

export interface Started {
  readonly tide: Tidemark
  readonly door: OpenDoor
  readonly ask: (ask: Ask) => Promise<DoorAnswer>
}

export type Start = (options?: Partial<TidemarkOptions>) => Promise<Started>
