// What only log drivers need: the inside of positions, and the rules every driver applies alike.

export { epochOf, makeEpoch, makePosition, parseEpoch, sequenceOf } from './position.ts'
export type { Epoch } from './position.ts'
