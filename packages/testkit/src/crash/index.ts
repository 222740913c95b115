export type { CrashFigures } from './figures.ts'
export { runCrashRounds } from './run-crash-rounds.ts'
export type { CrashOptions, CrashReport } from './run-crash-rounds.ts'
