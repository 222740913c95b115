// Every door keeps the same contract.

import { describeDoor } from './support/describe-door.ts'
import { doors } from './support/doors.ts'

for (const door of doors) describeDoor(door)
