export type { LmdbEventLog, LmdbLogStats } from './lmdb-log.ts'
export { openLmdbLog } from './open-lmdb-log.ts'
export type { LmdbLogOptions } from './open-lmdb-log.ts'
export type { Durability } from './settings.ts'
